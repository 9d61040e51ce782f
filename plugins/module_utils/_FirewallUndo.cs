// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// The way back, backwards. A commit that fails may have taken effect all the same, so a step is noted before its change is tried,
// and looks whether there is anything to put back; and a step that fails looks again before it is told as a failure.
using System;
using System.Collections.Generic;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallFailures;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallUndo
{
    public class UndoStep
    {
        public readonly string Text;
        public readonly Func<bool> IsBack;
        public readonly Action PutBack;
        // The change is known to have taken effect: no need to look.
        public bool Certain;

        public UndoStep(string text, Func<bool> isBack, Action putBack)
        {
            Text = text;
            IsBack = isBack;
            PutBack = putBack;
        }
    }

    public class UndoStack
    {
        private readonly Stack<UndoStep> steps = new Stack<UndoStep>();
        private readonly Action lookAnew;

        // lookAnew: forget what is remembered of the store, because it may not be true any more.
        public UndoStack(Action lookAnew)
        {
            this.lookAnew = lookAnew;
        }

        public UndoStep Note(string text, Func<bool> isBack, Action putBack)
        {
            UndoStep step = new UndoStep(text, isBack, putBack);
            steps.Push(step);
            return step;
        }

        // What could not be undone, in words.
        public List<string> Run()
        {
            List<string> remaining = new List<string>();
            lookAnew();
            while (steps.Count > 0)
            {
                UndoStep step = steps.Pop();
                Exception failure = Try(step);
                // Once more, and with a look at what the first attempt has done in spite of its failure.
                if (failure != null)
                {
                    step.Certain = false;
                    failure = Try(step) == null ? null : failure;
                }
                if (failure != null && !IsBack(step))
                    remaining.Add("could not " + step.Text + ": " + Failures.Short(failure));
            }
            return remaining;
        }

        private Exception Try(UndoStep step)
        {
            try
            {
                if (step.Certain || !step.IsBack())
                    step.PutBack();
                return null;
            }
            catch (Exception failure)
            {
                lookAnew();
                return failure;
            }
        }

        private static bool IsBack(UndoStep step)
        {
            try
            {
                return step.IsBack();
            }
            catch (Exception)
            {
                // What cannot be looked at is not known to be back.
                return false;
            }
        }
    }
}
