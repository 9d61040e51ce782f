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
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallLock;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallLogging;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRegistry;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallTask;
#if WINDOWS
using Microsoft.Win32;
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
        public static IPolicyStore Open()
        {
            return (IPolicyStore)Substitute.Open();
        }
#endif
    }

#if WINDOWS
    public class WindowsPolicyStore : IPolicyStore
    {
        private const string Version = @"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
        private const string MemoryParent = @"SOFTWARE\portcullis";
        private const string Memory = MemoryParent + @"\msports";
        private const string Restart = Memory + @"\until_restart";
        private static readonly int[] ManagementPorts = { 22, 5985, 5986 };

        private static readonly string[] Settings =
        {
            "EnableFirewall", "DefaultInboundAction", "DefaultOutboundAction", "DoNotAllowExceptions", "DisabledInterfaces",
            "DisableUnicastResponsesToMulticastBroadcast", Registry64.Merge
        };

        private static readonly Dictionary<string, string> RulePlaces = new Dictionary<string, string>
        {
            { "group policy", Registry64.Policies + "FirewallRules" }, { "device management", Registry64.Local + @"Mdm\FirewallRules" }
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
            return Settings.Select(name => new KeyValuePair<string, object>(name, Registry64.Given(profile, "", name)))
                .Where(pair => pair.Value is int || pair.Value is string || pair.Value is string[])
                .ToDictionary(pair => pair.Key, pair => pair.Value);
        }

        public IList<string[]> PolicyRules()
        {
            return RulePlaces.SelectMany(place => Registry64.Texts(place.Value).Select(rule => new[] { place.Key, rule.Key, rule.Value })).ToList();
        }

        public INetFwProducts Products()
        {
            return (INetFwProducts)new NetFwProducts();
        }

        public ProfileLog ReadLog(int profile)
        {
            return ProfileLogs.Read(profile);
        }

        public void WriteLog(int profile, ProfileLog log)
        {
            ProfileLogs.Write(profile, log);
        }

        public string ReadMemory(string name)
        {
            return Registry64.Value(Memory, name) as string;
        }

        public void WriteMemory(string name, string value)
        {
            using (RegistryKey machine = Registry64.Machine())
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
                Registry64.DeleteIfEmpty(machine, Memory);
                Registry64.DeleteIfEmpty(machine, MemoryParent);
            }
        }

        public string UntilRestart
        {
            get
            {
                return Registry64.Value(Restart, "nonce") as string;
            }

            set
            {
                using (RegistryKey machine = Registry64.Machine())
                {
                    if (value == null)
                    {
                        machine.DeleteSubKey(Restart, false);
                        Registry64.DeleteIfEmpty(machine, Memory);
                        Registry64.DeleteIfEmpty(machine, MemoryParent);
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
                    Peer = PlainAddress.Text(tcp.RemoteEndPoint.Address),
                    PeerPort = tcp.RemoteEndPoint.Port,
                    Local = PlainAddress.Text(tcp.LocalEndPoint.Address),
                    LocalPort = tcp.LocalEndPoint.Port
                })
                .ToList();
        }

        public IList<string> OwnAddresses()
        {
            return NetworkInterface.GetAllNetworkInterfaces()
                .Where(one => one.OperationalStatus == OperationalStatus.Up && one.NetworkInterfaceType != NetworkInterfaceType.Loopback)
                .SelectMany(one => one.GetIPProperties().UnicastAddresses.Select(found => found.Address))
                .Where(address => !address.IsIPv6LinkLocal && !IPAddress.IsLoopback(address))
                .Select(PlainAddress.Text).Distinct().OrderBy(text => text, StringComparer.Ordinal).ToList();
        }

        // From the registry: Environment.OSVersion tells what the manifest of the calling program was written for.
        public string SystemVersion
        {
            get
            {
                string[] numbers = { "CurrentMajorVersionNumber", "CurrentMinorVersionNumber", "CurrentBuildNumber", "UBR" };
                object[] found = numbers.Select(name => Registry64.Value(Version, name)).ToArray();
                // Before Windows Server 2016 there is one text for the first two.
                object version = found[0] == null ? Registry64.Value(Version, "CurrentVersion") : found[0] + "." + found[1];
                return version + "." + found[2] + "." + (found[3] ?? 0);
            }
        }

        // From there, too: a task may give its process any environment.
        public string SystemRoot { get { return Registry64.Value(Version, "SystemRoot") as string ?? ""; } }
    }
#endif
}
