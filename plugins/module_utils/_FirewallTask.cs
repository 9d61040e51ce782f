// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// The scheduled task that takes a change back when nobody confirms it: as SYSTEM, at a time, at the next start of Windows, and when its
// clock was changed.
// It is registered by its XML: early bound that takes three interfaces, and XML says the same in every version of Windows.
using System;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;
using System.Security;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallTask
{
    // Vtables as in taskschd.idl. Members that nobody calls hold their place, without their parameters.
    [ComImport, Guid("2FABA4C7-4DA9-4013-9697-20CC3FD40F85"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface ITaskService
    {
        [return: MarshalAs(UnmanagedType.Interface)]
        ITaskFolder GetFolder([In, MarshalAs(UnmanagedType.BStr)] string path);
        void GetRunningTasks();
        void NewTask();
        void Connect(
            [In, MarshalAs(UnmanagedType.Struct)] object server,
            [In, MarshalAs(UnmanagedType.Struct)] object user,
            [In, MarshalAs(UnmanagedType.Struct)] object domain,
            [In, MarshalAs(UnmanagedType.Struct)] object password);
    }

    [ComImport, Guid("8CFAC062-A080-4C15-9A88-AA7C2AF80DFC"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface ITaskFolder
    {
        void Name();
        void Path();
        void GetFolder();
        void GetFolders();
        void CreateFolder();
        void DeleteFolder();
        void GetTask();
        void GetTasks();
        void DeleteTask([In, MarshalAs(UnmanagedType.BStr)] string name, [In] int flags);
        [return: MarshalAs(UnmanagedType.IUnknown)]
        object RegisterTask(
            [In, MarshalAs(UnmanagedType.BStr)] string path,
            [In, MarshalAs(UnmanagedType.BStr)] string xml,
            [In] int flags,
            [In, MarshalAs(UnmanagedType.Struct)] object user,
            [In, MarshalAs(UnmanagedType.Struct)] object password,
            [In] int logonType,
            [In, MarshalAs(UnmanagedType.Struct)] object sddl);
    }

    [ComImport, Guid("0F87369F-A4E5-4CFC-BD3E-73E6154572DD")]
    public class TaskScheduler
    {
    }

    public static class RollbackTask
    {
        public const string Name = "portcullis.msports rollback";
        private const int Create = 2;
        private const int ServiceAccount = 5;

        // The code lies packed in a key that only administrators can write. Where it is no longer there, there is nothing to do.
        private const string Command = "$machine = [Microsoft.Win32.RegistryKey]::OpenBaseKey('LocalMachine', 'Registry64');"
            + " $key = $machine.OpenSubKey('SOFTWARE\\portcullis\\msports');"
            + " $code = if ($key) {{ $key.GetValue('rollback_code') }}; if (-not $code) {{ exit 0 }};"
            + " $packed = New-Object IO.MemoryStream -ArgumentList @(,[Convert]::FromBase64String($code));"
            + " $text = New-Object IO.StreamReader -ArgumentList"
            + " (New-Object IO.Compression.GZipStream -ArgumentList $packed, ([IO.Compression.CompressionMode]::Decompress));"
            + " & ([ScriptBlock]::Create($text.ReadToEnd())) '{0}'";

        // Windows tells of every change of its clock: one that is set back would move the time trigger away.
        private const string ClockChanged = "<QueryList><Query Id=\"0\" Path=\"System\"><Select Path=\"System\">"
            + "*[System[Provider[@Name='Microsoft-Windows-Kernel-General'] and EventID=1]]</Select></Query></QueryList>";

        private const string Definition = @"<?xml version=""1.0"" encoding=""UTF-16""?>
<Task version=""1.2"" xmlns=""http://schemas.microsoft.com/windows/2004/02/mit/task"">
  <RegistrationInfo>
    <Author>portcullis.msports</Author>
    <Description>Restores the firewall rules of portcullis.msports from before a change, unless the change is confirmed.</Description>
  </RegistrationInfo>
  <Triggers>
    <TimeTrigger>
      <StartBoundary>{0}</StartBoundary>
      <Enabled>true</Enabled>
    </TimeTrigger>
    <BootTrigger>
      <Enabled>true</Enabled>
    </BootTrigger>
    <EventTrigger>
      <Enabled>true</Enabled>
      <Subscription>{2}</Subscription>
    </EventTrigger>
  </Triggers>
  <Principals>
    <Principal id=""Author"">
      <UserId>S-1-5-18</UserId>
      <RunLevel>HighestAvailable</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <Enabled>true</Enabled>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
    <WakeToRun>false</WakeToRun>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>4</Priority>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context=""Author"">
    <Exec>
      <Command>%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe</Command>
      <Arguments>{1}</Arguments>
    </Exec>
  </Actions>
</Task>
";

        public static string Xml(string nonce, DateTime when)
        {
            string start = when.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            string command = String.Format(CultureInfo.InvariantCulture, Command, nonce);
            string arguments = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -Command \"" + command + "\"";
            return String.Format(CultureInfo.InvariantCulture, Definition, start, SecurityElement.Escape(arguments), SecurityElement.Escape(ClockChanged));
        }

#if WINDOWS
        // One that an earlier run has left cannot do anything any more: it would restore a change of another name.
        public static void Register(string xml)
        {
            ITaskFolder folder = Open();
            Delete(folder);
            folder.RegisterTask(Name, xml, Create, null, null, ServiceAccount, null);
        }

        public static void Delete()
        {
            Delete(Open());
        }

        private static void Delete(ITaskFolder folder)
        {
            try
            {
                folder.DeleteTask(Name, 0);
            }
            catch (FileNotFoundException)
            {
                return;
            }
        }

        private static ITaskFolder Open()
        {
            ITaskService service = (ITaskService)new TaskScheduler();
            service.Connect(null, null, null, null);
            return service.GetFolder("\\");
        }
#endif
    }
}
