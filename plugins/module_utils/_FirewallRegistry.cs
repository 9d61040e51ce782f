// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// The registry of a Windows host, and where it keeps what group policy gives.
#if WINDOWS
using Microsoft.Win32;
using System.Collections.Generic;
using System.Linq;
#endif

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallRegistry
{
#if WINDOWS
    public static class Registry64
    {
        public const string Policies = @"SOFTWARE\Policies\Microsoft\WindowsFirewall\";
        public const string Local = @"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\";
        // Older than the private and the public profile, for both of them (MS-GPFAS 2.2.3), but not for what is younger than it.
        private const string Legacy = "StandardProfile";
        public const string Merge = "AllowLocalPolicyMerge";

        // Profile: key of group policy, key of the local policy, name for netsh. The local key of the private profile is of older days.
        public static readonly Dictionary<int, string[]> Names = new Dictionary<int, string[]>
        {
            { 1, new[] { "DomainProfile", "DomainProfile", "domainprofile" } },
            { 2, new[] { "PrivateProfile", "StandardProfile", "privateprofile" } },
            { 4, new[] { "PublicProfile", "PublicProfile", "publicprofile" } }
        };

        // What group policy, or the policy of a device management, gives for a profile; null if neither does.
        public static object Given(int profile, string below, string name)
        {
            List<string> places = new List<string> { Policies + Names[profile][0], Local + @"Mdm\" + Names[profile][0], Local + @"Mdm\" + Names[profile][1] };
            if (profile != 1 && name != Merge)
                places.Insert(1, Policies + Legacy);
            return places.Select(place => Value(place + below, name)).FirstOrDefault(value => value != null);
        }

        // The 64-bit view, also from a 32-bit PowerShell.
        public static RegistryKey Machine()
        {
            return RegistryKey.OpenBaseKey(RegistryHive.LocalMachine, RegistryView.Registry64);
        }

        public static object Value(string path, string name)
        {
            using (RegistryKey machine = Machine())
            using (RegistryKey key = machine.OpenSubKey(path))
                return key == null ? null : key.GetValue(name, null, RegistryValueOptions.DoNotExpandEnvironmentNames);
        }

        // The texts of a key by their names; a value that is no text is an empty one, which is no rule that can be read.
        public static Dictionary<string, string> Texts(string path)
        {
            using (RegistryKey machine = Machine())
            using (RegistryKey key = machine.OpenSubKey(path))
            {
                string[] names = key == null ? new string[0] : key.GetValueNames();
                return names.ToDictionary(name => name, name => key.GetValue(name) as string ?? "");
            }
        }

        public static void DeleteIfEmpty(RegistryKey machine, string path)
        {
            bool empty;
            using (RegistryKey key = machine.OpenSubKey(path))
                empty = key != null && key.ValueCount == 0 && key.SubKeyCount == 0;
            if (empty)
                machine.DeleteSubKey(path, false);
        }
    }
#endif
}
