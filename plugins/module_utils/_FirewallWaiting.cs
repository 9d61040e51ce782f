// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// What a change leaves on a host: a token while it waits for its confirmation, and a note where the host took it back by itself.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallWaiting
{
    // The token. Ends: when the time is over, in milliseconds since Windows started, because its clock may be set meanwhile.
    // Session: the one management session that the run came by, or "" where that is not known.
    public class Waiting
    {
        public const string Armed = "armed";
        public const string Firing = "firing";
        public const string Confirmed = "confirmed";
        private const string Unreadable = "what a run has left for its rollback is not understood, nothing was changed: {0}; look at the values rollback* of"
            + " HKLM\\SOFTWARE\\portcullis\\msports, remove them, and run again";

        public string Phase;
        public string Nonce;
        public string Owner;
        public int Seconds;
        public long Ends;
        public string Session;

        // May be more than all of them only where the start was another one.
        public double Left
        {
            get { return (Ends - SinceStart()) / 1000.0; }
        }

        public void Begin()
        {
            Ends = SinceStart() + Seconds * 1000L;
        }

        // One counter for all processes, which nobody can set.
        private static long SinceStart()
        {
            return (long)(Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000.0));
        }

        public string Text()
        {
            string[] numbers = new[] { Seconds, Ends }.Select(number => number.ToString(CultureInfo.InvariantCulture)).ToArray();
            return String.Join("|", new[] { "1", Phase, Nonce, Owner, numbers[0], numbers[1], Session });
        }

        public static Waiting Parse(string text)
        {
            try
            {
                string[] parts = text.Split('|');
                if (parts.Length != 7 || parts[0] != "1" || !new[] { Armed, Firing, Confirmed }.Contains(parts[1]))
                    throw new FormatException("it has another format");
                int seconds = Int32.Parse(parts[4], CultureInfo.InvariantCulture);
                long ends = Int64.Parse(parts[5], CultureInfo.InvariantCulture);
                return new Waiting { Phase = parts[1], Nonce = parts[2], Owner = parts[3], Seconds = seconds, Ends = ends, Session = parts[6] };
            }
            catch (FormatException error)
            {
                throw new RefusedException(Unreadable, error.Message);
            }
        }

        // The sessions that manage the host, as one text when it is exactly one.
        public static string Among(IPolicyStore store, IList<int> ports)
        {
            string ssh = Environment.GetEnvironmentVariable("SSH_CONNECTION");
            if (!String.IsNullOrEmpty(ssh))
                return ssh;
            IList<TcpPeer> peers = new TcpPeer[0];
            // Not known is no session to compare with; who reads the state tells why it is not.
            Failures.Ignore(() => peers = store.ManagementPeers(ports));
            if (peers.Count != 1)
                return "";
            TcpPeer one = peers[0];
            return String.Format(CultureInfo.InvariantCulture, "{0} {1} {2} {3}", one.Peer, one.PeerPort, one.Local, one.LocalPort);
        }
    }

    public static class Note
    {
        // What the host did by itself to the rules of an owner, until a run of it has read that; or null.
        public static Dictionary<string, object> Read(IPolicyStore store, string owner)
        {
            string text = store.ReadMemory(FirewallState.Note(owner));
            if (text == null)
                return null;
            string[] lines = text.Split('\n');
            Func<int, string> line = number => lines.Length > number ? lines[number] : "";
            return new Dictionary<string, object>
            {
                { "nonce", line(0) }, { "owner", line(1) }, { "when", line(2) }, { "why", line(3) }, { "what", lines.Skip(4).ToArray() }
            };
        }

        public static void Write(IPolicyStore store, Waiting waiting, string why, IEnumerable<string> what)
        {
            string when = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            string[] lines = { waiting.Nonce, waiting.Owner, when, why };
            store.WriteMemory(FirewallState.Note(waiting.Owner), String.Join("\n", lines.Concat(what).ToArray()));
        }
    }
}
