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
                if (failure != null)
                    remaining.Add("could not " + step.Text + ": " + Failures.Short(failure));
            }
            return remaining;
        }

        // Done is what is seen to be done: a value may read otherwise than it was put.
        private static Exception Try(UndoStep step)
        {
            try
            {
                if (!step.Certain && step.IsBack())
                    return null;
                step.PutBack();
                return step.IsBack() ? null : new FirewallException("it does not read as before");
            }
            catch (Exception failure)
            {
                // What cannot be looked at is not known to be back.
                return failure;
            }
        }
    }
}
