// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// The tables of sockets that Windows keeps, with their processes and services, and files that others write to.
#if WINDOWS
using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Runtime.InteropServices;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallLogging;
#endif

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallSockets
{
#if WINDOWS
    public class WindowsHostView : IHostView
    {
        private const int IPv4 = 2;
        private const int IPv6 = 23;
        private const int TcpAllWithProcess = 5;
        private const int UdpWithProcess = 1;
        private const int TooSmall = 122;
        private const int MoreData = 234;
        private const int EnumerateServices = 4;
        private const int Win32Services = 0x30;
        private const int Active = 1;
        // Windows takes no larger one.
        private const int MostOfServices = 256 * 1024;

        [DllImport("iphlpapi.dll")]
        private static extern int GetExtendedTcpTable(IntPtr table, ref int size, bool sorted, int family, int kind, int reserved);

        [DllImport("iphlpapi.dll")]
        private static extern int GetExtendedUdpTable(IntPtr table, ref int size, bool sorted, int family, int kind, int reserved);

        [DllImport("advapi32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        private static extern IntPtr OpenSCManagerW(string machine, string database, int access);

        [DllImport("advapi32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        private static extern bool EnumServicesStatusExW(
            IntPtr manager, int level, int type, int state, IntPtr buffer, int size, out int needed, out int returned, ref int resume, string group);

        [DllImport("advapi32.dll")]
        private static extern bool CloseServiceHandle(IntPtr handle);

        private delegate int Table(IntPtr table, ref int size, bool sorted, int family, int kind, int reserved);

        public IList<SocketRow> Sockets()
        {
            List<SocketRow> found = new List<SocketRow>();
            // Where the columns of a row stand, in bytes: state, address, port, address and port of the peer, process.
            found.AddRange(Rows(GetExtendedTcpTable, "tcp", IPv4, TcpAllWithProcess, 24, new[] { 0, 4, 8, 12, 16, 20 }));
            found.AddRange(Rows(GetExtendedTcpTable, "tcp", IPv6, TcpAllWithProcess, 56, new[] { 48, 0, 20, 24, 44, 52 }));
            found.AddRange(Rows(GetExtendedUdpTable, "udp", IPv4, UdpWithProcess, 12, new[] { -1, 0, 4, -1, -1, 8 }));
            found.AddRange(Rows(GetExtendedUdpTable, "udp", IPv6, UdpWithProcess, 28, new[] { -1, 0, 20, -1, -1, 24 }));
            return found;
        }

        public IDictionary<int, string> Processes()
        {
            Dictionary<int, string> names = new Dictionary<int, string>();
            foreach (Process process in Process.GetProcesses())
            {
                using (process)
                {
                    // One that has ended meanwhile has no name any more, and no sockets.
                    Process one = process;
                    Failures.Ignore(() => names[one.Id] = one.ProcessName);
                }
            }
            return names;
        }

        public IDictionary<int, IList<string>> Services()
        {
            IntPtr manager = OpenSCManagerW(null, null, EnumerateServices);
            if (manager == IntPtr.Zero)
                throw new Win32Exception(Marshal.GetLastWin32Error());
            try
            {
                Dictionary<int, IList<string>> names = new Dictionary<int, IList<string>>();
                int resume = 0;
                bool more = true;
                while (more)
                {
                    IntPtr buffer = Marshal.AllocHGlobal(MostOfServices);
                    try
                    {
                        int needed, returned;
                        more = !EnumServicesStatusExW(
                            manager, 0, Win32Services, Active, buffer, MostOfServices, out needed, out returned, ref resume, null);
                        int error = Marshal.GetLastWin32Error();
                        if (more && error != MoreData)
                            throw new Win32Exception(error);
                        Note(names, buffer, returned);
                    }
                    finally
                    {
                        Marshal.FreeHGlobal(buffer);
                    }
                }
                return names;
            }
            finally
            {
                CloseServiceHandle(manager);
            }
        }

        public ProfileLog ReadLog(int profile)
        {
            return ProfileLogs.Read(profile);
        }

        // The service writes and renames it while we read.
        public Stream OpenLog(string path)
        {
            return new FileStream(Environment.ExpandEnvironmentVariables(path), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }

        // Two names, and nine numbers of which the eighth is the process.
        private static void Note(Dictionary<int, IList<string>> names, IntPtr buffer, int count)
        {
            int pointer = IntPtr.Size;
            int row = (2 * pointer + 36 + pointer - 1) / pointer * pointer;
            for (int i = 0; i < count; i++)
            {
                int process = Marshal.ReadInt32(buffer, i * row + 2 * pointer + 28);
                if (!names.ContainsKey(process))
                    names[process] = new List<string>();
                names[process].Add(Marshal.PtrToStringUni(Marshal.ReadIntPtr(buffer, i * row)));
            }
        }

        private static IEnumerable<SocketRow> Rows(Table ask, string protocol, int family, int kind, int length, int[] at)
        {
            byte[] bytes = Read(ask, family, kind);
            int count = BitConverter.ToInt32(bytes, 0);
            return Enumerable.Range(0, count).Select(i => Row(bytes, 4 + i * length, protocol, family == IPv6 ? 16 : 4, at)).ToList();
        }

        private static SocketRow Row(byte[] bytes, int start, string protocol, int width, int[] at)
        {
            bool hasPeer = at[3] >= 0;
            SocketRow row = new SocketRow
            {
                Protocol = protocol,
                State = at[0] < 0 ? 0 : BitConverter.ToInt32(bytes, start + at[0]),
                Local = Address(bytes, start + at[1], width),
                LocalPort = Port(bytes, start + at[2]),
                Process = BitConverter.ToInt32(bytes, start + at[5])
            };
            row.PeerPort = hasPeer ? Port(bytes, start + at[4]) : 0;
            row.Peer = row.PeerPort == 0 ? "" : Address(bytes, start + at[3], width);
            return row;
        }

        // The table may grow between the two questions.
        private static byte[] Read(Table ask, int family, int kind)
        {
            int size = 0, error = ask(IntPtr.Zero, ref size, false, family, kind, 0);
            while (error == TooSmall)
            {
                size += 4096;
                IntPtr buffer = Marshal.AllocHGlobal(size);
                try
                {
                    error = ask(buffer, ref size, false, family, kind, 0);
                    if (error == 0)
                    {
                        byte[] bytes = new byte[size];
                        Marshal.Copy(buffer, bytes, 0, size);
                        return bytes;
                    }
                }
                finally
                {
                    Marshal.FreeHGlobal(buffer);
                }
            }
            if (error != 0)
                throw new Win32Exception(error);
            return new byte[4];
        }

        private static string Address(byte[] bytes, int start, int width)
        {
            return PlainAddress.Text(new IPAddress(bytes.Skip(start).Take(width).ToArray()));
        }

        // In network order, in the lower half.
        private static int Port(byte[] bytes, int start)
        {
            return (bytes[start] << 8) + bytes[start + 1];
        }
    }
#endif
}
