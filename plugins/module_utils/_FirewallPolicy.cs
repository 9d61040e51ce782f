// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// The profiles by name, one pass over the rules of the store, and the count of what a call costs.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Runtime.InteropServices.ComTypes;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallFailures;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallPolicy
{
    public class Counts
    {
        public int Enumerations;
        public int Commits;

        public Dictionary<string, object> Result()
        {
            return new Dictionary<string, object> { { "enumerations", Enumerations }, { "commits", Commits } };
        }
    }

    public static class Profiles
    {
        public static readonly KeyValuePair<string, int>[] All =
        {
            new KeyValuePair<string, int>("domain", (int)NET_FW_PROFILE_TYPE2.NET_FW_PROFILE2_DOMAIN),
            new KeyValuePair<string, int>("private", (int)NET_FW_PROFILE_TYPE2.NET_FW_PROFILE2_PRIVATE),
            new KeyValuePair<string, int>("public", (int)NET_FW_PROFILE_TYPE2.NET_FW_PROFILE2_PUBLIC)
        };

        public static NET_FW_PROFILE_TYPE2 Find(string name)
        {
            return (NET_FW_PROFILE_TYPE2)All.First(profile => profile.Key == name).Value;
        }
    }

    public static class Rules
    {
        // One at a time, the way of every documented use of this enumerator; it works within the process, so batches would save nothing.
        public static IEnumerable<object> Enumerate(INetFwRules rules, Counts counts)
        {
            counts.Enumerations++;
            IEnumVARIANT items = (IEnumVARIANT)rules._NewEnum;
            object[] one = new object[1];
            IntPtr fetched = Marshal.AllocCoTaskMem(sizeof(int));
            try
            {
                while (true)
                {
                    Marshal.WriteInt32(fetched, 0);
                    int status = items.Next(1, one, fetched);
                    if (status < 0)
                        Marshal.ThrowExceptionForHR(status);
                    if (status != 0 || Marshal.ReadInt32(fetched) == 0)
                        yield break;
                    yield return one[0];
                }
            }
            finally
            {
                Marshal.FreeCoTaskMem(fetched);
            }
        }

        public static INetFwRule3 Cast(object item)
        {
            INetFwRule3 rule = item as INetFwRule3;
            if (rule == null)
                throw new FirewallException("the rule has no INetFwRule3: Windows Server 2012 or newer is needed");
            return rule;
        }
    }
}
