// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// What a host shows of who speaks with whom: its sockets, the processes and services behind them, and the log of the firewall. Read only.
// Whatever cannot be read is a text that says why.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallLog;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallSockets;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallObserve
{
    public static class Observer
    {
        private static readonly Dictionary<int, string> Profiles = new Dictionary<int, string> { { 1, "domain" }, { 2, "private" }, { 4, "public" } };

        public static Dictionary<string, object> Look(IDictionary arguments)
        {
            try
            {
#if WINDOWS
                IHostView host = new WindowsHostView();
#else
                IHostView host = (IHostView)Substitute.Open();
#endif
                return new Dictionary<string, object>
                {
                    { "changed", false },
                    { "sockets", Failures.OrWhy(() => host.Sockets().Select(Row).ToList()) },
                    { "processes", Failures.OrWhy(() => Named(host.Processes(), name => name)) },
                    { "services", Failures.OrWhy(() => Named(host.Services(), names => names.ToArray())) },
                    { "logs", Failures.OrWhy(() => IsNo(arguments["logs"]) ? new List<object>() : Logs(host, arguments["marks"] as IDictionary)) }
                };
            }
            catch (Exception failure)
            {
                return new Dictionary<string, object> { { "failed", true }, { "changed", false }, { "msg", Failures.Text(failure) } };
            }
        }

        private static bool IsNo(object asked)
        {
            return String.Equals(Convert.ToString(asked, CultureInfo.InvariantCulture), "false", StringComparison.OrdinalIgnoreCase);
        }

        private static object Row(SocketRow row)
        {
            return new object[] { row.Protocol, row.State, row.Local, row.LocalPort, row.Peer, row.PeerPort, row.Process };
        }

        // JSON has texts for keys.
        private static Dictionary<string, object> Named<T>(IDictionary<int, T> found, Func<T, object> value)
        {
            return found.ToDictionary(pair => pair.Key.ToString(CultureInfo.InvariantCulture), pair => value(pair.Value));
        }

        // Profiles may share a file. marks: the line of each that the look before ended with.
        private static object Logs(IHostView host, IDictionary marks)
        {
            var settings = Profiles.Select(profile => new { Name = profile.Value, Log = host.ReadLog(profile.Key) }).ToList();
            List<object> logs = new List<object>();
            foreach (var file in settings.GroupBy(one => one.Log.Path, StringComparer.OrdinalIgnoreCase))
            {
                object mark = marks == null ? null : marks[file.Key];
                Dictionary<string, object> log = ReadLog(host, file.Key, mark == null ? null : mark.ToString());
                log["allowed"] = file.Where(one => one.Log.Allowed).Select(one => one.Name).ToArray();
                log["dropped"] = file.Where(one => one.Log.Dropped).Select(one => one.Name).ToArray();
                logs.Add(log);
            }
            return logs;
        }

        // The file that was full before goes first. It is there only after the log was full once.
        private static Dictionary<string, object> ReadLog(IHostView host, string path, string mark)
        {
            LogReader reader = new LogReader { Mark = mark };
            string older = Failed(host, reader, path + ".old");
            string failed = Failed(host, reader, path);
            return new Dictionary<string, object>
            {
                { "path", path },
                { "missing", failed == Missing },
                { "failed", new[] { older, failed }.Where(text => text != null && text != Missing).ToArray() },
                { "not_understood", reader.NotUnderstood },
                { "lost", reader.Lost },
                { "left_out", reader.LeftOut },
                { "not_read", reader.NotRead },
                { "turned_over", failed == null && (older == null || older == Missing) && reader.Mark != null },
                { "last", reader.Last },
                { "rows", reader.Rows() }
            };
        }

        private const string Missing = "";

        // Why a file cannot be read; null when it was.
        private static string Failed(IHostView host, LogReader reader, string path)
        {
            try
            {
                using (Stream stream = host.OpenLog(path))
                    reader.Read(stream);
                return null;
            }
            catch (FileNotFoundException)
            {
                return Missing;
            }
            catch (DirectoryNotFoundException)
            {
                return Missing;
            }
            catch (Exception failure)
            {
                return path + ": " + Failures.Text(failure);
            }
        }
    }
}
