// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// Connections over TCP that are tried at once: open, refused, filtered, or not possible at all. Nothing is sent over them.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallProbe
{
    public static class Prober
    {
        private const int AtOnce = 200;
        private static readonly SocketError[] Refused = { SocketError.ConnectionRefused, SocketError.ConnectionReset };
        // What a firewall on the way, or our own, answers; and silence.
        private static readonly SocketError[] Filtered = { SocketError.TimedOut, SocketError.AccessDenied, SocketError.HostUnreachable };

        public static Dictionary<string, object> Try(IDictionary arguments)
        {
            try
            {
                TimeSpan patience = TimeSpan.FromSeconds(Convert.ToDouble(arguments["timeout"], CultureInfo.InvariantCulture));
                List<IDictionary> probes = ((IList)arguments["probes"]).Cast<IDictionary>().ToList();
                List<object> answers = new List<object>();
                for (int start = 0; start < probes.Count; start += AtOnce)
                    answers.AddRange(Together(probes.Skip(start).Take(AtOnce).Select(probe => new Attempt(probe)).ToList(), patience));
                return new Dictionary<string, object> { { "changed", false }, { "answers", answers } };
            }
            catch (Exception failure)
            {
                return new Dictionary<string, object> { { "failed", true }, { "changed", false }, { "msg", Failures.Text(failure) } };
            }
        }

        private static List<object> Together(List<Attempt> attempts, TimeSpan patience)
        {
            Stopwatch waited = Stopwatch.StartNew();
            attempts.ForEach(attempt => attempt.Begin());
            return attempts.Select(attempt => (object)attempt.Answer(patience - waited.Elapsed)).ToList();
        }

        private class Attempt
        {
            private readonly string address;
            private readonly int port;
            private Socket client;
            private IAsyncResult pending;
            private SocketError? error;

            public Attempt(IDictionary probe)
            {
                address = Convert.ToString(probe["address"], CultureInfo.InvariantCulture);
                port = Convert.ToInt32(probe["port"], CultureInfo.InvariantCulture);
            }

            public void Begin()
            {
                IPAddress to = IPAddress.Parse(address);
                Watch(() =>
                {
                    client = new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                    pending = client.BeginConnect(new IPEndPoint(to, port), null, null);
                });
            }

            public Dictionary<string, object> Answer(TimeSpan left)
            {
                bool answered = pending != null && pending.AsyncWaitHandle.WaitOne(left > TimeSpan.Zero ? left : TimeSpan.Zero);
                if (answered)
                    Watch(() => client.EndConnect(pending));
                else if (pending != null)
                    error = SocketError.TimedOut;
                if (client != null)
                    client.Close();
                string answer = error == null ? "open" : Refused.Contains(error.Value) ? "refused" : Filtered.Contains(error.Value) ? "filtered" : "failed";
                Dictionary<string, object> told = new Dictionary<string, object> { { "address", address }, { "port", port }, { "answer", answer } };
                if (answer == "failed")
                    told["why"] = error.Value.ToString();
                return told;
            }

            private void Watch(Action action)
            {
                try
                {
                    action();
                }
                catch (SocketException failure)
                {
                    error = failure.SocketErrorCode;
                }
            }
        }
    }
}
