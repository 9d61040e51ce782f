// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// Where Windows logs what a profile admits and drops: read from the registry, written by netsh.
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRegistry;
#if WINDOWS
using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
#endif

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallLogging
{
#if WINDOWS
    public static class ProfileLogs
    {
        private const string DefaultLogPath = @"%systemroot%\system32\LogFiles\Firewall\pfirewall.log";
        private const int DefaultLogSize = 4096;

        public static ProfileLog Read(int profile)
        {
            string local = Registry64.Local + Registry64.Names[profile][1] + @"\Logging";
            string[] values = { "LogSuccessfulConnections", "LogDroppedPackets", "LogFilePath", "LogFileSize" };
            object[] given = values.Select(value => Registry64.Given(profile, @"\Logging", value)).ToArray();
            object[] found = values.Select((value, i) => given[i] ?? Registry64.Value(local, value)).ToArray();
            return new ProfileLog
            {
                Allowed = Number(found[0], 0) != 0,
                Dropped = Number(found[1], 0) != 0,
                Path = found[2] as string ?? DefaultLogPath,
                Size = Number(found[3], DefaultLogSize),
                // Dropped packets may be all that it gives: what audit wants of them does not keep it from logging what passes.
                Policy = given.Where((value, i) => i != 1 || Number(value, 1) == 0).Any(value => value != null)
            };
        }

        // Only what differs: what stays as it is need not survive a way through a command line.
        public static void Write(int profile, ProfileLog log)
        {
            ProfileLog before = Read(profile);
            string set = "advfirewall set " + Registry64.Names[profile][2] + " logging ";
            if (before.Path != log.Path)
                Netsh(set + "filename \"" + log.Path + "\"");
            if (before.Size != log.Size)
                Netsh(set + "maxfilesize " + log.Size.ToString(CultureInfo.InvariantCulture));
            if (before.Allowed != log.Allowed)
                Netsh(set + "allowedconnections " + (log.Allowed ? "enable" : "disable"));
            if (before.Dropped != log.Dropped)
                Netsh(set + "droppedconnections " + (log.Dropped ? "enable" : "disable"));
        }

        private static int Number(object value, int otherwise)
        {
            return value is int ? (int)value : otherwise;
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
