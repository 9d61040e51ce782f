// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// What went wrong, in words: the message of an exception, its HRESULT, and what that usually means here.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Reflection;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallFailures
{
    // A failure that needs no stack trace: the sentence says it all.
    public class FirewallException : Exception
    {
        public FirewallException(string message) : base(message)
        {
        }
    }

    public static class Failures
    {
        private static readonly Dictionary<int, string> Hints = new Dictionary<int, string>
        {
            { unchecked((int)0x80070005), "access denied: changing the firewall needs an elevated administrator" },
            { unchecked((int)0x800706D9), "the service Windows Defender Firewall (MpsSvc) does not answer; is it running?" },
            { unchecked((int)0x800706BA), "the service Windows Defender Firewall (MpsSvc) does not answer; is it running?" },
            { unchecked((int)0x80070422), "the service Windows Defender Firewall (MpsSvc) is disabled" },
            { unchecked((int)0x80070057), "Windows refuses a value of the rule" },
            { unchecked((int)0xD000000D), "Windows refuses a value of the rule" },
            { unchecked((int)0x80040154), "the firewall's COM class is not registered" }
        };

        public static string Text(Exception failure)
        {
            string hint;
            return Hints.TryGetValue(Cause(failure).HResult, out hint) ? Short(failure) + ": " + hint : Short(failure);
        }

        public static string Short(Exception failure)
        {
            Exception cause = Cause(failure);
            string number = String.Format(CultureInfo.InvariantCulture, "0x{0:X8}", cause.HResult);
            // Most messages of COM tell the number by themselves, and our own need none.
            if (cause is FirewallException || cause.Message.IndexOf(number, StringComparison.OrdinalIgnoreCase) >= 0)
                return cause.Message.Trim();
            return cause.Message.Trim().TrimEnd('.') + " (" + number + ")";
        }

        private static Exception Cause(Exception failure)
        {
            Exception cause = failure;
            while (cause is TargetInvocationException && cause.InnerException != null)
                cause = cause.InnerException;
            return cause;
        }
    }
}
