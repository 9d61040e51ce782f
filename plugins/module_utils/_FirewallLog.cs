// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// What the log of Windows Firewall (pfirewall.log) says of new conversations: who, with whom, over which port, passed or dropped, how often,
// and on which days. Lines that are alike are one row, so that what is kept is small whatever the size of the file.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallLog
{
    public class LogReader
    {
        public const int MostRows = 20000;
        // Windows takes 32 MB at most for a log. Of a larger one the end is read.
        public const long MostBytes = 64 << 20;
        // Ports that a program has which asked for none.
        private const int FirstDynamic = 49152;
        private const string Documented =
            "date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path";
        private static readonly string[] Needed = { "date", "action", "protocol", "src-ip", "dst-ip", "src-port", "dst-port", "tcpflags", "icmptype", "path" };
        private static readonly string[] Passed = { "ALLOW", "OPEN", "OPEN-INBOUND" };

        private readonly Dictionary<string, LogRow> rows = new Dictionary<string, LogRow>(StringComparer.Ordinal);
        private readonly int mostRows;
        private readonly long mostBytes;
        private int[] places;

        // The line that the look before ended with: what comes before it was told then. Null where there was none, and when it came by.
        public string Mark;
        public string Last;

        // Lines that are not understood, events that Windows itself says it has lost, conversations beyond what is kept, bytes that were not read.
        public int NotUnderstood;
        public long Lost;
        public int LeftOut;
        public long NotRead;

        public LogReader() : this(MostRows, MostBytes)
        {
        }

        public LogReader(int mostRows, long mostBytes)
        {
            this.mostRows = mostRows;
            this.mostBytes = mostBytes;
        }

        public void Read(Stream stream)
        {
            Columns(Documented);
            using (StreamReader reader = new StreamReader(stream, Encoding.UTF8))
            {
                bool all = stream.Length <= mostBytes;
                foreach (string line in Lines(reader).Where(line => !IsHead(line)))
                {
                    if (!all)
                        break;
                    Line(line);
                }
                if (all)
                    return;
                NotRead += stream.Length - mostBytes;
                stream.Seek(-mostBytes, SeekOrigin.End);
                reader.DiscardBufferedData();
                // It begins in the middle of a line.
                foreach (string line in Lines(reader).Skip(1).Where(line => !IsHead(line)))
                    Line(line);
            }
        }

        // Whole ones alone: the service is about to write the rest of a last line, and the next look has it.
        private static IEnumerable<string> Lines(TextReader reader)
        {
            char[] buffer = new char[65536];
            StringBuilder rest = new StringBuilder();
            int count;
            while ((count = reader.Read(buffer, 0, buffer.Length)) > 0)
            {
                int start = 0;
                for (int end; (end = Array.IndexOf(buffer, '\n', start, count - start)) >= 0; start = end + 1)
                {
                    yield return rest.Append(buffer, start, end - start).ToString().TrimEnd('\r');
                    rest.Length = 0;
                }
                rest.Append(buffer, start, count - start);
            }
        }

        public List<object> Rows()
        {
            return rows.Values.Select(row => (object)row.Cells()).ToList();
        }

        private bool IsHead(string line)
        {
            if (line.StartsWith("#Fields:", StringComparison.OrdinalIgnoreCase))
                Columns(line.Substring(8));
            return line.Length == 0 || line[0] == '#';
        }

        // Where each column stands that is needed; nowhere, if one is missing: then no line is understood.
        private void Columns(string names)
        {
            string[] found = names.ToLowerInvariant().Split(new[] { ' ', '\t' }, StringSplitOptions.RemoveEmptyEntries);
            places = Needed.Select(name => Array.IndexOf(found, name)).ToArray();
            if (places.Contains(-1))
                places = null;
        }

        private void Line(string line)
        {
            Last = line;
            if (line == Mark)
            {
                Mark = null;
                rows.Clear();
                NotUnderstood = LeftOut = 0;
                Lost = NotRead = 0;
                return;
            }
            string[] cells = line.Split(new[] { ' ' }, StringSplitOptions.RemoveEmptyEntries);
            if (places != null && cells.Length > 2 && cells.Length > places[1] && cells[places[1]] == "INFO-EVENTS-LOST")
            {
                long lost;
                Lost += Math.Max(1, cells.Max(cell => Int64.TryParse(cell, NumberStyles.None, CultureInfo.InvariantCulture, out lost) ? lost : 0));
                return;
            }
            if (places == null || places.Any(place => place >= cells.Length) || !Row(places.Select(place => cells[place]).ToArray()))
                NotUnderstood++;
        }

        // False for what is not understood; what is no new conversation of this host is left out.
        private bool Row(string[] cells)
        {
            string day = cells[0], action = cells[1], path = cells[9];
            DateTime date;
            if (!DateTime.TryParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out date))
                return false;
            bool dropped = action == "DROP";
            if (!dropped && !Passed.Contains(action))
                return action == "CLOSE" || action == "INFO";
            bool inbound = path == "RECEIVE";
            if (!inbound && path != "SEND")
                return path == "FORWARD" || path == "UNKNOWN";
            string protocol = Protocol(cells[2], cells[8]);
            if (protocol == null)
                return true;
            int port = -1;
            if (protocol != "icmp_echo")
            {
                int from;
                if (!Port(cells[5], out from) || !Port(cells[6], out port))
                    return false;
                if (protocol == "tcp" ? IsLate(cells[7]) : from < FirstDynamic && port >= FirstDynamic)
                    return true;
            }
            Note(dropped, inbound, protocol, inbound ? cells[3] : cells[4], inbound ? cells[4] : cells[3], port, day);
            return true;
        }

        private static string Protocol(string text, string type)
        {
            switch (text)
            {
                case "TCP":
                case "6":
                    return "tcp";
                case "UDP":
                case "17":
                    return "udp";
                // Either name may stand for either family, and neither has the other's number of an echo request.
                case "ICMP":
                case "1":
                case "ICMPv6":
                case "58":
                    return type == "8" || type == "128" ? "icmp_echo" : null;
                default:
                    return null;
            }
        }

        // A packet of a connection that is closed already is dropped, too, and says nothing of who may connect.
        private static bool IsLate(string flags)
        {
            return flags != "-" && (flags.IndexOf('S') < 0 || flags.IndexOf('A') >= 0);
        }

        private static bool Port(string text, out int port)
        {
            return Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= 65535;
        }

        private void Note(bool dropped, bool inbound, string protocol, string peer, string local, int port, string day)
        {
            string key = (dropped ? "-" : "+") + (inbound ? "<" : ">") + protocol + " " + port.ToString(CultureInfo.InvariantCulture) + " " + peer;
            LogRow row;
            if (!rows.TryGetValue(key, out row))
            {
                IPAddress one, other;
                if (!IPAddress.TryParse(peer, out one) || !IPAddress.TryParse(local, out other))
                {
                    NotUnderstood++;
                    return;
                }
                if (one.Equals(other) || IPAddress.IsLoopback(one) || IPAddress.IsLoopback(other))
                    return;
                if (rows.Count >= mostRows)
                {
                    LeftOut++;
                    return;
                }
                row = new LogRow
                {
                    Dropped = dropped, Inbound = inbound, Protocol = protocol, Peer = PlainAddress.Text(one), Port = port, First = day, Last = day
                };
                rows.Add(key, row);
            }
            row.Times++;
            if (String.CompareOrdinal(day, row.First) < 0)
                row.First = day;
            if (String.CompareOrdinal(day, row.Last) > 0)
                row.Last = day;
        }
    }

    public class LogRow
    {
        public bool Dropped;
        public bool Inbound;
        public string Protocol;
        public string Peer;
        public int Port;
        public int Times;
        public string First;
        public string Last;

        public object[] Cells()
        {
            object port = Port < 0 ? null : (object)Port;
            return new[] { Inbound ? "in" : "out", Peer, Protocol, port, Dropped ? "dropped" : "passed", Times, First, Last };
        }
    }
}
