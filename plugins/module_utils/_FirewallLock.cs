// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// One run, confirmation or rollback at a time on a host, of whichever owner.
using System;
using System.Diagnostics;
using System.IO;
using System.Threading;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallLock
{
    public static class RunLock
    {
        private const string Held = "another run of portcullis.msports holds the lock of this host ({0}), or it cannot be taken: {1}";
        private const string Name = "portcullis.msports.lock";

        // A file below the folder of Windows, where administrators alone may write: a mutex has a name that anybody may take.
        public static IDisposable Take()
        {
            return Take(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.Windows), Name), TimeSpan.FromSeconds(60));
        }

        public static IDisposable Take(string path, TimeSpan patience)
        {
            Stopwatch waited = Stopwatch.StartNew();
            while (true)
            {
                try
                {
                    return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
                }
                catch (Exception failure)
                {
                    // A file that is just being deleted by the one who had it is "access denied", and no IOException.
                    if (!(failure is IOException || failure is UnauthorizedAccessException))
                        throw;
                    if (waited.Elapsed >= patience)
                        throw new RefusedException(Held, path, failure.Message);
                }
                Thread.Sleep(200);
            }
        }
    }
}
