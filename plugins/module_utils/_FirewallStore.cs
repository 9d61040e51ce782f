// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// Where the executor finds the firewall: on Windows that of the host, by COM, registry and netsh. Elsewhere there is none.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallTask;
#if WINDOWS
using Microsoft.Win32;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.NetworkInformation;
using System.Runtime.InteropServices;
#endif

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallStore
{
    public static class PolicyStores
    {
#if WINDOWS
        public static IPolicyStore Open()
        {
            return new WindowsPolicyStore();
        }
#else
        private const string Substitute = "portcullis.msports.tests.StandIn";

        // Only the tests bring such a type with them, and on Windows this is not even compiled.
        public static IPolicyStore Open()
        {
            Type type = AppDomain.CurrentDomain.GetAssemblies().Select(assembly => assembly.GetType(Substitute, false)).FirstOrDefault(found => found != null);
            MethodInfo open = type == null ? null : type.GetMethod("Open", BindingFlags.Public | BindingFlags.Static, null, Type.EmptyTypes, null);
            if (open == null)
                throw new FirewallException("this module manages the firewall of Windows, and this host does not run Windows");
            return (IPolicyStore)open.Invoke(null, null);
        }
#endif
    }

#if WINDOWS
    public class WindowsPolicyStore : IPolicyStore
    {
        private const string Policies = @"SOFTWARE\Policies\Microsoft\WindowsFirewall\";
        private const string Local = @"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\";
        private const string Version = @"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
        private const string MemoryParent = @"SOFTWARE\portcullis";
        private const string Memory = MemoryParent + @"\msports";
        private const string Restart = Memory + @"\until_restart";
        private const string DefaultLogPath = @"%systemroot%\system32\LogFiles\Firewall\pfirewall.log";
        private const int DefaultLogSize = 4096;
        // Older than the private and the public profile, for both of them (MS-GPFAS 2.2.3), but not for what is younger than it.
        private const string Legacy = "StandardProfile";
        private const string Merge = "AllowLocalPolicyMerge";
        private static readonly int[] ManagementPorts = { 22, 5985, 5986 };

        // Profile: key of group policy, key of the local policy, name for netsh. The local key of the private profile is of older days.
        private static readonly Dictionary<int, string[]> Names = new Dictionary<int, string[]>
        {
            { 1, new[] { "DomainProfile", "DomainProfile", "domainprofile" } },
            { 2, new[] { "PrivateProfile", "StandardProfile", "privateprofile" } },
            { 4, new[] { "PublicProfile", "PublicProfile", "publicprofile" } }
        };

        private static readonly string[] Settings =
        {
            "EnableFirewall", "DefaultInboundAction", "DefaultOutboundAction", "DoNotAllowExceptions", "DisabledInterfaces",
            "DisableUnicastResponsesToMulticastBroadcast", Merge
        };

        private static readonly Dictionary<string, string> RulePlaces = new Dictionary<string, string>
        {
            { "group policy", Policies + "FirewallRules" }, { "device management", Local + @"Mdm\FirewallRules" }
        };

        private readonly INetFwPolicy2 policy;

        public WindowsPolicyStore()
        {
            try
            {
                policy = (INetFwPolicy2)new NetFwPolicy2();
            }
            catch (InvalidCastException)
            {
                throw new FirewallException("this Windows has no INetFwPolicy2: Windows Server 2012 or newer is needed");
            }
        }

        public INetFwPolicy2 Policy { get { return policy; } }

        public INetFwRule3 NewRule()
        {
            INetFwRule3 rule = new NetFwRule() as INetFwRule3;
            if (rule == null)
                throw new FirewallException("this Windows has no INetFwRule3: Windows Server 2012 or newer is needed");
            return rule;
        }

        // COM tells the local values, and what is given goes before them.
        public IDictionary<string, object> Given(int profile)
        {
            return Settings.Select(name => new KeyValuePair<string, object>(name, Given(profile, "", name)))
                .Where(pair => pair.Value is int || pair.Value is string || pair.Value is string[])
                .ToDictionary(pair => pair.Key, pair => pair.Value);
        }

        public IList<string[]> PolicyRules()
        {
            return RulePlaces.SelectMany(place => Texts(place.Value).Select(rule => new[] { place.Key, rule.Key, rule.Value })).ToList();
        }

        public INetFwProducts Products()
        {
            return (INetFwProducts)new NetFwProducts();
        }

        public ProfileLog ReadLog(int profile)
        {
            string local = Local + Names[profile][1] + @"\Logging";
            string[] values = { "LogSuccessfulConnections", "LogFilePath", "LogFileSize" };
            object[] given = values.Select(value => Given(profile, @"\Logging", value)).ToArray();
            object[] found = values.Select((value, i) => given[i] ?? Value(local, value)).ToArray();
            return new ProfileLog
            {
                Allowed = Number(found[0], 0) != 0,
                Path = found[1] as string ?? DefaultLogPath,
                Size = Number(found[2], DefaultLogSize),
                Policy = given.Any(value => value != null)
            };
        }

        // Only what differs: what stays as it is need not survive a way through a command line.
        public void WriteLog(int profile, ProfileLog log)
        {
            ProfileLog before = ReadLog(profile);
            string set = "advfirewall set " + Names[profile][2] + " logging ";
            if (before.Path != log.Path)
                Netsh(set + "filename \"" + log.Path + "\"");
            if (before.Size != log.Size)
                Netsh(set + "maxfilesize " + log.Size.ToString(CultureInfo.InvariantCulture));
            if (before.Allowed != log.Allowed)
                Netsh(set + "allowedconnections " + (log.Allowed ? "enable" : "disable"));
        }

        public string ReadMemory(string name)
        {
            return Value(Memory, name) as string;
        }

        public void WriteMemory(string name, string value)
        {
            using (RegistryKey machine = Machine())
            {
                if (value != null)
                {
                    using (RegistryKey key = machine.CreateSubKey(Memory))
                        key.SetValue(name, value, RegistryValueKind.String);
                    return;
                }
                using (RegistryKey key = machine.OpenSubKey(Memory, true))
                {
                    if (key != null)
                        key.DeleteValue(name, false);
                }
                DeleteIfEmpty(machine, Memory);
                DeleteIfEmpty(machine, MemoryParent);
            }
        }

        public string UntilRestart
        {
            get
            {
                return Value(Restart, "nonce") as string;
            }

            set
            {
                using (RegistryKey machine = Machine())
                {
                    if (value == null)
                    {
                        machine.DeleteSubKey(Restart, false);
                        DeleteIfEmpty(machine, Memory);
                        DeleteIfEmpty(machine, MemoryParent);
                        return;
                    }
                    // Not with the same call: what lies above a volatile key must not be one.
                    machine.CreateSubKey(Memory).Dispose();
                    using (RegistryKey key = machine.CreateSubKey(Restart, RegistryKeyPermissionCheck.Default, RegistryOptions.Volatile))
                        key.SetValue("nonce", value, RegistryValueKind.String);
                }
            }
        }

        public IDisposable Lock()
        {
            return RunLock.Take();
        }

        public void RegisterTask(string xml)
        {
            RollbackTask.Register(xml);
        }

        public void DeleteTask()
        {
            RollbackTask.Delete();
        }

        public IList<TcpPeer> ManagementPeers(IList<int> more)
        {
            return IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpConnections()
                .Where(tcp => tcp.State == TcpState.Established && ManagementPorts.Concat(more).Contains(tcp.LocalEndPoint.Port))
                .Select(tcp => new TcpPeer
                {
                    Peer = Plain(tcp.RemoteEndPoint.Address),
                    PeerPort = tcp.RemoteEndPoint.Port,
                    Local = Plain(tcp.LocalEndPoint.Address),
                    LocalPort = tcp.LocalEndPoint.Port
                })
                .ToList();
        }

        // From the registry: Environment.OSVersion tells what the manifest of the calling program was written for.
        public string SystemVersion
        {
            get
            {
                string[] numbers = { "CurrentMajorVersionNumber", "CurrentMinorVersionNumber", "CurrentBuildNumber", "UBR" };
                object[] found = numbers.Select(name => Value(Version, name)).ToArray();
                // Before Windows Server 2016 there is one text for the first two.
                object version = found[0] == null ? Value(Version, "CurrentVersion") : found[0] + "." + found[1];
                return version + "." + found[2] + "." + (found[3] ?? 0);
            }
        }

        // From there, too: a task may give its process any environment.
        public string SystemRoot { get { return Value(Version, "SystemRoot") as string ?? ""; } }

        // What group policy, or the policy of a device management, gives for a profile; null if neither does.
        private static object Given(int profile, string below, string name)
        {
            List<string> places = new List<string> { Policies + Names[profile][0], Local + @"Mdm\" + Names[profile][0], Local + @"Mdm\" + Names[profile][1] };
            if (profile != 1 && name != Merge)
                places.Insert(1, Policies + Legacy);
            return places.Select(place => Value(place + below, name)).FirstOrDefault(value => value != null);
        }

        // An address as rules have it: without the zone, and IPv4 as IPv4.
        private static string Plain(IPAddress address)
        {
            IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
            return new IPAddress(plain.GetAddressBytes()).ToString();
        }

        // The 64-bit view, also from a 32-bit PowerShell.
        private static RegistryKey Machine()
        {
            return RegistryKey.OpenBaseKey(RegistryHive.LocalMachine, RegistryView.Registry64);
        }

        private static object Value(string path, string name)
        {
            using (RegistryKey machine = Machine())
            using (RegistryKey key = machine.OpenSubKey(path))
                return key == null ? null : key.GetValue(name, null, RegistryValueOptions.DoNotExpandEnvironmentNames);
        }

        // The texts of a key by their names; a value that is no text is an empty one, which is no rule that can be read.
        private static Dictionary<string, string> Texts(string path)
        {
            using (RegistryKey machine = Machine())
            using (RegistryKey key = machine.OpenSubKey(path))
            {
                string[] names = key == null ? new string[0] : key.GetValueNames();
                return names.ToDictionary(name => name, name => key.GetValue(name) as string ?? "");
            }
        }

        private static int Number(object value, int otherwise)
        {
            return value is int ? (int)value : otherwise;
        }

        private static void DeleteIfEmpty(RegistryKey machine, string path)
        {
            bool empty;
            using (RegistryKey key = machine.OpenSubKey(path))
                empty = key != null && key.ValueCount == 0 && key.SubKeyCount == 0;
            if (empty)
                machine.DeleteSubKey(path, false);
        }

        // The commands of netsh are the same in every language of Windows, and so is its exit code; its output is not.
        private static void Netsh(string arguments)
        {
            ProcessStartInfo start = new ProcessStartInfo(Path.Combine(Environment.SystemDirectory, "netsh.exe"), arguments)
            {
                UseShellExecute = false,
                CreateNoWindow = true,
                RedirectStandardOutput = true
            };
            using (Process process = Process.Start(start))
            {
                string output = process.StandardOutput.ReadToEnd().Trim();
                process.WaitForExit();
                if (process.ExitCode != 0)
                {
                    string text = String.Format(CultureInfo.InvariantCulture, "netsh {0}: exit code {1}: {2}", arguments, process.ExitCode, output);
                    throw new FirewallException(text);
                }
            }
        }
    }
#endif
}
