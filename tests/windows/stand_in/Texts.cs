// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The texts of a rule: what the policy store takes, the one form in which the stand-in keeps it, and how it comes back.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace portcullis.msports.tests
{
    // As the CLR throws the error codes of COM calls.
    public static class Refuse
    {
        public static Exception Argument()
        {
            return new ArgumentException("Value does not fall within the expected range.");
        }

        public static Exception Access()
        {
            return new UnauthorizedAccessException("Access is denied. (Exception from HRESULT: 0x80070005 (E_ACCESSDENIED))");
        }

        public static Exception Absent()
        {
            return new FileNotFoundException("The system cannot find the file specified. (Exception from HRESULT: 0x80070002)");
        }

        public static Exception Status()
        {
            return new COMException("Exception from HRESULT: 0xD000000D", unchecked((int)0xD000000D));
        }

        public static Exception Rpc()
        {
            return new COMException("The RPC server is unavailable. (Exception from HRESULT: 0x800706BA)", unchecked((int)0x800706BA));
        }
    }

    public class Addresses
    {
        private static readonly string[] Keywords = { "DefaultGateway", "DHCP", "DNS", "WINS", "LocalSubnet" };

        private readonly Switches switches;

        public Addresses(Switches switches)
        {
            this.switches = switches;
        }

        // Kept sorted, as prefixes and ranges, whatever form was given.
        public string Keep(string text, bool remote)
        {
            if (text == null || text == "*")
                return "*";
            string[] tokens = text.Split(',');
            if (switches.max_addresses > 0 && tokens.Length > switches.max_addresses)
                throw Refuse.Argument();
            SortedDictionary<string, string> kept = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach (string token in tokens)
            {
                string order;
                string form = One(token.Trim(), remote, out order);
                kept[order] = form;
            }
            return String.Join(",", new List<string>(kept.Values).ToArray());
        }

        public string Show(string kept)
        {
            if (kept == "*")
                return kept;
            List<string> shown = new List<string>();
            foreach (string token in kept.Split(','))
                shown.Add(ShowOne(token));
            if (switches.reorder_addresses)
                shown.Reverse();
            return String.Join(",", shown.ToArray());
        }

        private string One(string token, bool remote, out string order)
        {
            foreach (string keyword in Keywords)
                if (String.Equals(token, keyword, StringComparison.OrdinalIgnoreCase) && (remote || keyword != "DNS"))
                {
                    order = "k" + keyword;
                    return keyword;
                }
            int dash = token.IndexOf('-');
            if (dash > 0)
            {
                byte[] first = Parse(token.Substring(0, dash));
                byte[] last = Parse(token.Substring(dash + 1));
                if (first.Length != last.Length || String.CompareOrdinal(Hex(first), Hex(last)) > 0)
                    throw Refuse.Argument();
                order = Hex(first) + "-" + Hex(last);
                return new IPAddress(first) + "-" + new IPAddress(last);
            }
            int slash = token.IndexOf('/');
            byte[] address = Parse(slash > 0 ? token.Substring(0, slash) : token);
            int bits = address.Length * 8;
            int prefix = slash > 0 ? Prefix(token.Substring(slash + 1), bits) : bits;
            if (prefix == 0 && switches.zero_mask_refused)
                throw Refuse.Argument();
            if (bits == 128 && prefix == 128 && switches.ipv6_special_refused)
            {
                IPAddress single = new IPAddress(address);
                if (single.Equals(IPAddress.IPv6Any) || single.Equals(IPAddress.IPv6Loopback) || single.IsIPv6Multicast)
                    throw Refuse.Status();
            }
            for (int bit = prefix; bit < bits; bit++)
            {
                byte mask = (byte)(0x80 >> (bit % 8));
                if ((address[bit / 8] & mask) == 0)
                    continue;
                if (switches.host_bits == "refuse")
                    throw Refuse.Argument();
                if (switches.host_bits == "mask")
                    address[bit / 8] = (byte)(address[bit / 8] & ~mask);
            }
            order = Hex(address) + "/" + prefix.ToString("000", CultureInfo.InvariantCulture);
            return new IPAddress(address) + "/" + prefix.ToString(CultureInfo.InvariantCulture);
        }

        private static byte[] Parse(string text)
        {
            IPAddress address;
            bool six = text.IndexOf(':') >= 0;
            if (text.IndexOf('%') >= 0 || text.IndexOf('[') >= 0 || (!six && text.Split('.').Length != 4) || !IPAddress.TryParse(text, out address))
                throw Refuse.Argument();
            if ((address.AddressFamily == AddressFamily.InterNetworkV6) != six)
                throw Refuse.Argument();
            return address.GetAddressBytes();
        }

        private static int Prefix(string text, int bits)
        {
            int prefix;
            if (text.IndexOf('.') < 0)
            {
                if (!Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out prefix) || prefix > bits)
                    throw Refuse.Argument();
                return prefix;
            }
            if (bits != 32)
                throw Refuse.Argument();
            uint mask = 0;
            foreach (byte part in Parse(text))
                mask = (mask << 8) | part;
            prefix = 0;
            while (prefix < 32 && (mask & (0x80000000u >> prefix)) != 0)
                prefix++;
            if (prefix < 32 && (mask << prefix) != 0)
                throw Refuse.Argument();
            return prefix;
        }

        private string ShowOne(string token)
        {
            int slash = token.IndexOf('/');
            if (slash < 0)
                return token.IndexOf(':') >= 0 && token.IndexOf('-') > 0 ? SixRange(token) : token;
            string address = token.Substring(0, slash);
            int prefix = Int32.Parse(token.Substring(slash + 1), CultureInfo.InvariantCulture);
            if (address.IndexOf(':') >= 0)
                return Six(address) + (prefix == 128 && switches.ipv6_text == "plain" ? "" : "/" + prefix.ToString(CultureInfo.InvariantCulture));
            if (!switches.addresses_as_masks)
                return prefix == 32 ? address : token;
            uint mask = prefix == 0 ? 0 : 0xffffffffu << (32 - prefix);
            return address + "/" + (mask >> 24) + "." + ((mask >> 16) & 255) + "." + ((mask >> 8) & 255) + "." + (mask & 255);
        }

        private string SixRange(string token)
        {
            string[] ends = token.Split('-');
            return Six(ends[0]) + "-" + Six(ends[1]);
        }

        private string Six(string address)
        {
            if (switches.ipv6_text != "expanded")
                return address;
            string hex = Hex(IPAddress.Parse(address).GetAddressBytes()).Substring(1);
            List<string> groups = new List<string>();
            for (int index = 0; index < 32; index += 4)
                groups.Add(hex.Substring(index, 4).ToUpperInvariant());
            return String.Join(":", groups.ToArray());
        }

        private static string Hex(byte[] bytes)
        {
            return (bytes.Length == 4 ? "4" : "6") + BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant();
        }
    }

    public class Ports
    {
        private struct Keyword
        {
            public string Name;
            public int Protocol;
            public bool Inbound;
            public bool Local;
        }

        // As documented for COM; NetSecurity spells some of them otherwise.
        private static readonly Keyword[] Keywords =
        {
            new Keyword { Name = "RPC", Protocol = 6, Inbound = true, Local = true },
            new Keyword { Name = "RPC-EPMap", Protocol = 6, Inbound = true, Local = true },
            new Keyword { Name = "IPHTTPS", Protocol = 6, Inbound = false, Local = false },
            new Keyword { Name = "Teredo", Protocol = 17, Inbound = true, Local = true },
            new Keyword { Name = "Ply2Disc", Protocol = 17, Inbound = false, Local = false },
        };

        private static readonly Dictionary<string, string> OtherSpellings = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            { "RPCEPMap", "RPC-EPMap" }, { "IPHTTPSIn", "IPHTTPS" }, { "IPHTTPSOut", "IPHTTPS" }, { "PlayToDiscovery", "Ply2Disc" },
        };

        private readonly Switches switches;

        public Ports(Switches switches)
        {
            this.switches = switches;
        }

        // Kept sorted: numbers and ranges, then keywords.
        public string Keep(string text)
        {
            if (text == null || text == "*")
                return "*";
            SortedDictionary<string, string> kept = new SortedDictionary<string, string>(StringComparer.Ordinal);
            string[] tokens = text.Split(',');
            for (int index = 0; index < tokens.Length; index++)
            {
                string token = tokens[index].Trim();
                // What it gives back it takes: the empty token after a keyword.
                if (token.Length == 0 && index == tokens.Length - 1 && kept.Count > 0)
                    continue;
                string order;
                string form = One(token, out order);
                kept[order] = form;
            }
            return String.Join(",", new List<string>(kept.Values).ToArray());
        }

        public string Show(string kept)
        {
            if (kept == "*")
                return kept;
            List<string> tokens = new List<string>(kept.Split(','));
            if (switches.reorder_ports)
                tokens.Reverse();
            string text = String.Join(",", tokens.ToArray());
            return switches.trailing_comma && HasKeyword(tokens) ? text + "," : text;
        }

        public void CheckPlace(string kept, RuleRecord rule, bool local)
        {
            if (!switches.keywords_in_place_only || kept == "*")
                return;
            foreach (string token in kept.Split(','))
                foreach (Keyword keyword in Keywords)
                    if (token == keyword.Name && (rule.protocol != keyword.Protocol || (keyword.Inbound && rule.direction != 1) || (keyword.Local && !local)))
                        throw Refuse.Argument();
        }

        private static bool HasKeyword(List<string> tokens)
        {
            foreach (string token in tokens)
                if (Char.IsLetter(token[0]))
                    return true;
            return false;
        }

        private string One(string token, out string order)
        {
            string other;
            if (!switches.com_spelling_only && OtherSpellings.TryGetValue(token, out other))
                token = other;
            foreach (Keyword keyword in Keywords)
                if (String.Equals(token, keyword.Name, StringComparison.OrdinalIgnoreCase))
                {
                    order = "k" + keyword.Name;
                    return keyword.Name;
                }
            string[] ends = token.Split('-');
            if (ends.Length > 2)
                throw Refuse.Argument();
            int first = Number(ends[0]);
            int last = Number(ends[ends.Length - 1]);
            if (first > last)
                throw Refuse.Argument();
            order = first.ToString("00000", CultureInfo.InvariantCulture) + "-" + last.ToString("00000", CultureInfo.InvariantCulture);
            return ends.Length == 1 ? first.ToString(CultureInfo.InvariantCulture) : first + "-" + last;
        }

        private static int Number(string text)
        {
            int number;
            if (!Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) || number > 65535)
                throw Refuse.Argument();
            return number;
        }
    }

    public class Texts
    {
        private const string SystemRoot = "%SystemRoot%";
        private static readonly string[] Types = { "RemoteAccess", "Wireless", "Lan" };

        private readonly Switches switches;
        private readonly string systemRoot;

        public Texts(Switches switches, string systemRoot)
        {
            this.switches = switches;
            this.systemRoot = systemRoot;
        }

        // Empty and null are one.
        public string Keep(string text)
        {
            if (text != null && switches.nul_ends_text && text.IndexOf('\0') >= 0)
                text = text.Substring(0, text.IndexOf('\0'));
            if (String.IsNullOrEmpty(text))
                return null;
            if (switches.bar_refused && text.IndexOf('|') >= 0)
                throw Refuse.Argument();
            if (switches.max_text > 0 && text.Length > switches.max_text)
                throw Refuse.Argument();
            return text;
        }

        public string KeepName(string text)
        {
            text = Keep(text);
            if (text == null || (switches.name_all_refused && String.Equals(text, "all", StringComparison.OrdinalIgnoreCase)))
                throw Refuse.Argument();
            return text;
        }

        public string KeepProgram(string text)
        {
            text = Keep(text);
            if (text != null && switches.program_expanded && text.StartsWith(SystemRoot, StringComparison.OrdinalIgnoreCase))
                text = systemRoot + text.Substring(SystemRoot.Length);
            return text;
        }

        public string KeepInterfaceTypes(string text)
        {
            if (text == null || String.Equals(text, "All", StringComparison.OrdinalIgnoreCase))
                return "All";
            List<string> kept = new List<string>();
            foreach (string token in text.Split(','))
            {
                string known = Array.Find(Types, delegate(string type) { return String.Equals(type, token.Trim(), StringComparison.OrdinalIgnoreCase); });
                if (known == null)
                    throw Refuse.Argument();
                kept.Add(known);
            }
            kept.Sort(StringComparer.Ordinal);
            return String.Join(",", kept.ToArray());
        }

        // Pairs of type and code; a code may be *.
        public string KeepIcmp(string text)
        {
            if (text == null || text == "*")
                return "*";
            List<string> kept = new List<string>();
            foreach (string token in text.Split(','))
            {
                string[] parts = token.Trim().Split(':');
                int type, code;
                if (parts.Length != 2 || !Int32.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out type) || type > 255)
                    throw Refuse.Argument();
                if (parts[1] != "*" && (!Int32.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out code) || code > 255))
                    throw Refuse.Argument();
                kept.Add(parts[0] + ":" + parts[1]);
            }
            return String.Join(",", kept.ToArray());
        }

        public string Show(string kept)
        {
            return kept ?? (switches.null_strings ? null : "");
        }
    }
}
