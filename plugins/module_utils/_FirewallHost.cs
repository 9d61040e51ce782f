// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// What the executor asks of a host, and what its failures mean.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Reflection;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost
{
    // What one profile logs: allowed connections, dropped packets. Policy: group policy gives it, so a local value is without effect.
    public class ProfileLog
    {
        public bool Allowed;
        public bool Dropped;
        public string Path;
        public int Size;
        public bool Policy;
    }

    // One value of it, as a text. Each is a command of netsh and a commit of its own, so each is written, and put back, by itself.
    public class LogValue
    {
        public readonly string Name;
        public readonly Func<ProfileLog, string> Get;
        private readonly Action<ProfileLog, string> put;

        public static readonly LogValue[] All =
        {
            new LogValue("file", log => log.Path, (log, text) => log.Path = text),
            new LogValue(
                "size", log => log.Size.ToString(CultureInfo.InvariantCulture), (log, text) => log.Size = Int32.Parse(text, CultureInfo.InvariantCulture)),
            new LogValue("allowed connections", log => log.Allowed.ToString(), (log, text) => log.Allowed = Boolean.Parse(text)),
            new LogValue("dropped packets", log => log.Dropped.ToString(), (log, text) => log.Dropped = Boolean.Parse(text))
        };

        private LogValue(string name, Func<ProfileLog, string> get, Action<ProfileLog, string> put)
        {
            Name = name;
            Get = get;
            this.put = put;
        }

        public void Put(IPolicyStore store, int profile, string text)
        {
            ProfileLog log = store.ReadLog(profile);
            put(log, text);
            store.WriteLog(profile, log);
        }
    }

    public class TcpPeer
    {
        public string Peer;
        public int PeerPort;
        public string Local;
        public int LocalPort;
    }

    // What the executor needs of a host, beyond the COM interfaces themselves. Profiles are 1 (domain), 2 (private), 4 (public).
    public interface IPolicyStore
    {
        INetFwPolicy2 Policy { get; }

        // A detached rule: nothing is in force until it is given to Rules.Add.
        INetFwRule3 NewRule();

        // What group policy, or the policy of a device management, gives for a profile: names and values as the registry has them.
        IDictionary<string, object> Given(int profile);

        // Rules of the same two, which COM does not list: where each is from, its id, and its text in the grammar of MS-GPFAS 2.2.2.
        IList<string[]> PolicyRules();

        // Other products that may have taken over from the Windows firewall.
        INetFwProducts Products();

        ProfileLog ReadLog(int profile);

        void WriteLog(int profile, ProfileLog log);

        // A text that is kept on the host under a name. Null when there is none.
        string ReadMemory(string name);

        // Null deletes, and leaves nothing empty behind.
        void WriteMemory(string name, string value);

        // A text that the next start of Windows forgets. Null when there is none; null deletes.
        string UntilRestart { get; set; }

        // One run, confirmation or rollback at a time, of whichever owner; a process that ends gives it back.
        IDisposable Lock();

        // The task that takes a change back, in place of any other; there is no error when none is there to be deleted.
        void RegisterTask(string xml);

        void DeleteTask();

        // Established TCP connections whose local port is 22, 5985, 5986, or one of these.
        IList<TcpPeer> ManagementPeers(IList<int> more);

        // Addresses of the interfaces that others may reach.
        IList<string> OwnAddresses();

        string SystemVersion { get; }

        // What %SystemRoot% is, such as C:\Windows.
        string SystemRoot { get; }
    }

    // State: the number that Windows has for a state of TCP, 0 for UDP. Peer: empty where there is none.
    public class SocketRow
    {
        public string Protocol;
        public int State;
        public string Local;
        public int LocalPort;
        public string Peer;
        public int PeerPort;
        public int Process;
    }

    // What can be seen of who speaks with whom. Nothing here needs the firewall's service.
    public interface IHostView
    {
        // TCP and UDP, both families.
        IList<SocketRow> Sockets();

        // The names of processes and of the services in them, by the numbers of processes.
        IDictionary<int, string> Processes();

        IDictionary<int, IList<string>> Services();

        ProfileLog ReadLog(int profile);

        // A file that others write to meanwhile, by a path with or without variables.
        Stream OpenLog(string path);
    }

    public static class PlainAddress
    {
        // As rules have it: without the zone, and IPv4 as IPv4.
        public static string Text(IPAddress address)
        {
            byte[] bytes = address.GetAddressBytes();
            return new IPAddress(address.IsIPv4MappedToIPv6 ? bytes.Skip(12).ToArray() : bytes).ToString();
        }
    }

    // A failure that needs no stack trace: the sentence says it all.
    public class FirewallException : Exception
    {
        public FirewallException(string message) : base(message)
        {
        }
    }

    // What was asked for was not begun, and why is the whole message.
    public class RefusedException : FirewallException
    {
        public RefusedException(string format, params object[] values) : base(String.Format(CultureInfo.InvariantCulture, format, values))
        {
        }
    }

#if !WINDOWS
    // Where there is no Windows, tests bring a host with them; on Windows this is not even compiled.
    public static class Substitute
    {
        private const string Name = "portcullis.msports.tests.StandIn";

        public static object Open()
        {
            Type type = AppDomain.CurrentDomain.GetAssemblies().Select(assembly => assembly.GetType(Name, false)).FirstOrDefault(found => found != null);
            MethodInfo open = type == null ? null : type.GetMethod("Open", BindingFlags.Public | BindingFlags.Static, null, Type.EmptyTypes, null);
            if (open == null)
                throw new FirewallException("this module is for hosts with Windows, and this host does not run Windows");
            return open.Invoke(null, null);
        }
    }
#endif

    public static class Failures
    {
        private static readonly Dictionary<int, string> Hints = new Dictionary<int, string>
        {
            { unchecked((int)0x80070005), "access denied: changing the firewall needs an elevated administrator" },
            { unchecked((int)0x800706D9), "the service Windows Defender Firewall (MpsSvc) does not answer; is it running?" },
            { unchecked((int)0x800706BA), "the service Windows Defender Firewall (MpsSvc) does not answer; is it running?" },
            { unchecked((int)0x80070422), "the service Windows Defender Firewall (MpsSvc) is disabled" },
            { unchecked((int)0x80070057), "Windows refuses a value of the rule" },
            { unchecked((int)0xD000000D), "Windows refuses a value of the rule" },
            { unchecked((int)0x80040154), "the firewall's COM class is not registered" }
        };

        public static string Text(Exception failure)
        {
            string hint;
            return Hints.TryGetValue(Cause(failure).HResult, out hint) ? Short(failure) + ": " + hint : Short(failure);
        }

        public static string Short(Exception failure)
        {
            Exception cause = Cause(failure);
            string number = String.Format(CultureInfo.InvariantCulture, "0x{0:X8}", cause.HResult);
            // Most messages of COM tell the number by themselves, and our own need none.
            if (cause is FirewallException || cause.Message.IndexOf(number, StringComparison.OrdinalIgnoreCase) >= 0)
                return cause.Message.Trim();
            return cause.Message.Trim().TrimEnd('.') + " (" + number + ")";
        }

        // For what is tidied up behind a failure that is told anyway.
        public static void Ignore(Action action)
        {
            try
            {
                action();
            }
            catch (Exception)
            {
                return;
            }
        }

        // What is read, or in words why it cannot be: it is unknown then, which is not the same as none.
        public static object OrWhy(Func<object> read)
        {
            try
            {
                return read();
            }
            catch (Exception failure)
            {
                return Text(failure);
            }
        }

        private static Exception Cause(Exception failure)
        {
            Exception cause = failure;
            while (cause is TargetInvocationException && cause.InnerException != null)
                cause = cause.InnerException;
            return cause;
        }
    }
}
