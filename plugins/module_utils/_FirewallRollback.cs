// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// A change that the controller does not confirm in time is taken back by the host itself. A run arms before it writes: it keeps what is
// ours, registers a task, and writes. Then the controller confirms over a new connection, or the task fires. One value of the registry
// is the token of both, and whoever reads or changes it holds the lock: so exactly one of the two happens, and the next one sees what
// a sudden end has left. The settings of the profiles belong to all owners, so one change waits at a time, whoever made it.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRestoration;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRules;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallSnapshot;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallState;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallStore;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallTask;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallWaiting;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallRollback
{
    public class Rollback
    {
        private const string NotArmed = "the rules from before could not be kept for a rollback, nothing was changed (rollback_timeout: 0 goes without): {0}";
        private const string Waits = "a run has changed the rules of {0} and waits for its confirmation; without one this host takes the change back in {1}"
            + " seconds. Nothing was changed by this run: wait, then run again";
        private const string NotConfirmed = "the controller did not confirm the change in time";
        private const string Restarted = "this host was restarted before the controller confirmed the change";
        private const string Unfired = "the controller did not confirm the change, and the scheduled task did not fire; a later run took the change back";
        private const string Hand = "the rules were changed or removed after the run, before they were confirmed";
        private const string Later = "an earlier run has left its rollback unfinished; the next run that is no check finishes it";
        private const string Stuck = "an earlier run has left its rollback unfinished, and this run could not finish it; a part of the rules from before may be"
            + " back. Mend this, and run again: {0}";
        private const string Same = "the confirmation came over the connection that was open before the change, which shows nothing: what is established"
            + " may pass. Connect anew (does a proxy or a plugin keep the connection open?)";

        private const string Token = "rollback";
        private const string Before = "rollback_before";
        private const string Written = "rollback_written";
        private const string Code = "rollback_code";
        private const string DoneBefore = "confirmed ";

        private readonly IPolicyStore store;
        private readonly Counts counts;

        public Rollback(IPolicyStore store, Counts counts)
        {
            this.store = store;
            this.counts = counts;
        }

        // Keep what is there before it changes, and start the timer. What the controller needs. When it fails, nothing is armed.
        public Dictionary<string, object> Arm(string nonce, int seconds, string code, FirewallState state, string owner, string session)
        {
            Waiting waiting = new Waiting { Phase = Waiting.Armed, Nonce = nonce, Owner = owner, Seconds = seconds, Session = session.Replace('|', ' ') };
            waiting.Begin();
            try
            {
                string before = Snapshot.Take(store, state.Own, owner).Text();
                Snapshot.Parse(before).Check(store);
                store.WriteMemory(Code, code);
                store.WriteMemory(Before, Packed.Pack(before));
                store.UntilRestart = nonce;
                store.WriteMemory(Token, waiting.Text());
                store.RegisterTask(RollbackTask.Xml(nonce, DateTime.UtcNow.AddSeconds(seconds)));
            }
            catch (Exception failure)
            {
                Failures.Ignore(Finish);
                throw new RefusedException(NotArmed, Failures.Text(failure));
            }
            return new Dictionary<string, object> { { "nonce", nonce }, { "seconds", seconds }, { "by", "the scheduled task \"" + RollbackTask.Name + "\"" } };
        }

        // All is written: keep what the host really has, of which only what is that later is taken back. The time begins now.
        public void Amend()
        {
            Waiting waiting = Look();
            FirewallState state = FirewallState.ReadRules(store, waiting.Owner, counts);
            store.WriteMemory(Written, Packed.Pack(Snapshot.Take(store, state.Own, waiting.Owner).Text()));
            waiting.Begin();
            store.WriteMemory(Token, waiting.Text());
        }

        // Forget what was armed: nothing was written after all. A task that cannot be deleted finds no code, and does nothing.
        public void Disarm()
        {
            Failures.Ignore(store.DeleteTask);
            Finish();
        }

        // Finish what earlier runs have left; a warning, or null. Refused while a change waits.
        public string Settle(bool checkMode)
        {
            Waiting waiting = Look();
            if (waiting == null)
            {
                // What a process that ended while it tidied up has left.
                if (!checkMode && (store.UntilRestart != null || new[] { Written, Before, Code }.Any(name => store.ReadMemory(name) != null)))
                    Finish();
                return null;
            }
            double left = Left(waiting);
            if (left > 0)
                throw new RefusedException(Waits, waiting.Owner, Math.Ceiling(left));
            if (checkMode)
                return Later;
            if (waiting.Phase == Waiting.Confirmed)
                Close(waiting);
            else
                FireLate(waiting);
            return null;
        }

        private void FireLate(Waiting waiting)
        {
            try
            {
                Fire(waiting, IsOfThisStart(waiting) ? Unfired : Restarted);
            }
            catch (Exception failure)
            {
                throw new RefusedException(Stuck, Failures.Text(failure));
            }
        }

        // What the second call of the controller runs, without Ansible.Basic, which costs more than all of this.
        public static Dictionary<string, object> Confirm(IDictionary arguments)
        {
            try
            {
                // A number of a list is wrapped by PowerShell.
                IEnumerable<string> texts = (arguments["ports"] as IList ?? new object[0]).Cast<object>().Select(port => port.ToString());
                List<int> ports = texts.Select(text => Int32.Parse(text, CultureInfo.InvariantCulture)).ToList();
                IPolicyStore store = PolicyStores.Open();
                using (store.Lock())
                {
                    return new Rollback(store, new Counts()).Confirm((string)arguments["owner"], (string)arguments["nonce"], Waiting.Among(store, ports));
                }
            }
            catch (Exception failure)
            {
                return new Dictionary<string, object> { { "failed", true }, { "changed", false }, { "msg", Failures.Text(failure) } };
            }
        }

        // What the task runs. True when there is nothing left to do.
        public static bool Fire(string nonce)
        {
            try
            {
                IPolicyStore store = PolicyStores.Open();
                Rollback rollback = new Rollback(store, new Counts());
                while (true)
                {
                    double left;
                    using (store.Lock())
                    {
                        Waiting waiting = rollback.Look();
                        if (waiting == null || waiting.Nonce != nonce)
                            return true;
                        left = rollback.Left(waiting);
                        if (left <= 0)
                        {
                            rollback.Fire(waiting, rollback.IsOfThisStart(waiting) ? NotConfirmed : Restarted);
                            return true;
                        }
                    }
                    Thread.Sleep(TimeSpan.FromSeconds(Math.Min(1, left)));
                }
            }
            catch (Exception failure)
            {
                Console.Error.WriteLine("rollback of portcullis.msports: " + Failures.Text(failure));
                return false;
            }
        }

        private Dictionary<string, object> Confirm(string owner, string nonce, string session)
        {
            Waiting waiting = Look();
            if (waiting != null && waiting.Nonce == nonce)
            {
                if (waiting.Phase == Waiting.Armed)
                {
                    if (session != "" && session.Replace('|', ' ') == waiting.Session)
                        throw new RefusedException(Same);
                    string why = IsOfThisStart(waiting) ? Lost(waiting) : Restarted;
                    if (why == null)
                        Take(waiting, Waiting.Confirmed);
                    else
                        Fire(waiting, why);
                }
                else if (waiting.Phase == Waiting.Firing)
                    Fire(waiting, NotConfirmed);
                if (waiting.Phase == Waiting.Confirmed)
                    Close(waiting);
            }
            Dictionary<string, object> note = Note.Read(store, owner);
            bool ofThis = note != null && (string)note["nonce"] == nonce;
            string[] seen = ofThis ? new[] { (string)note["why"] }.Concat((string[])note["what"]).ToArray() : new string[0];
            bool confirmed = seen.Length == 0 && store.UntilRestart == DoneBefore + nonce;
            return new Dictionary<string, object> { { "changed", false }, { "confirmed", confirmed }, { "rolled_back", seen } };
        }

        // Why the host no longer has what the run wrote; null when it has.
        private string Lost(Waiting waiting)
        {
            Snapshot written = Kept(Written);
            FirewallState state = FirewallState.ReadRules(store, waiting.Owner, counts);
            return written != null && written.Same(Snapshot.Take(store, state.Own, waiting.Owner)) ? null : Hand;
        }

        private Snapshot Kept(string name)
        {
            string text = store.ReadMemory(name);
            return text == null ? null : Snapshot.Parse(Packed.Unpack(text));
        }

        // The token goes last: what is ended in the middle is done again, by the task or by the next run.
        private void Fire(Waiting waiting, string why)
        {
            if (waiting.Phase == Waiting.Confirmed)
            {
                Close(waiting);
                return;
            }
            // A registry that takes nothing keeps no host closed: rules go back without it, and its values when it takes them.
            Failures.Ignore(() => Take(waiting, Waiting.Firing));
            List<string> what = new Restoration(store, waiting.Owner, counts).Run(Kept(Before), Kept(Written));
            Dictionary<string, object> note = Note.Read(store, waiting.Owner);
            // What was ended after it had said so has said it.
            if (note == null || (string)note["nonce"] != waiting.Nonce)
                Note.Write(store, waiting, why, what);
            Failures.Ignore(store.DeleteTask);
            Finish();
        }

        // Until the next start the host knows that it was confirmed: an answer that was lost can be asked for again.
        private void Close(Waiting waiting)
        {
            store.UntilRestart = DoneBefore + waiting.Nonce;
            Failures.Ignore(store.DeleteTask);
            Clear();
        }

        private void Take(Waiting waiting, string phase)
        {
            waiting.Phase = phase;
            store.WriteMemory(Token, waiting.Text());
        }

        private Waiting Look()
        {
            string text = store.ReadMemory(Token);
            return text == null ? null : Waiting.Parse(text);
        }

        private bool IsOfThisStart(Waiting waiting)
        {
            return store.UntilRestart == waiting.Nonce && waiting.Left <= waiting.Seconds;
        }

        private double Left(Waiting waiting)
        {
            return waiting.Phase == Waiting.Armed && IsOfThisStart(waiting) ? waiting.Left : 0;
        }

        private void Finish()
        {
            store.UntilRestart = null;
            Clear();
        }

        private void Clear()
        {
            // The token first: without it the rest means nothing.
            foreach (string name in new[] { Token, Written, Before, Code })
                store.WriteMemory(name, null);
        }
    }
}
