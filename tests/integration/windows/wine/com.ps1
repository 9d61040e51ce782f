# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What COM answers on the host, asked late-bound (firewall) and early-bound (Task Scheduler): lines of JSON by name.
$ErrorActionPreference = 'Stop'
Add-Type -TypeDefinition @'
using System;
using System.Runtime.InteropServices;

[ComImport, Guid("0F87369F-A4E5-4CFC-BD3E-73E6154572DD")]
public class TaskScheduler { }

[ComImport, Guid("2FABA4C7-4DA9-4013-9697-20CC3FD40F85"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
public interface ITaskService
{
    ITaskFolder GetFolder([MarshalAs(UnmanagedType.BStr)] string path);
    [return: MarshalAs(UnmanagedType.IUnknown)] object GetRunningTasks(int flags);
    [return: MarshalAs(UnmanagedType.IUnknown)] object NewTask(uint flags);
    void Connect(object server, object user, object domain, object password);
}

[ComImport, Guid("8CFAC062-A080-4C15-9A88-AA7C2AF80DFC"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
public interface ITaskFolder
{
    string Name { [return: MarshalAs(UnmanagedType.BStr)] get; }
    string Path { [return: MarshalAs(UnmanagedType.BStr)] get; }
    ITaskFolder GetFolder([MarshalAs(UnmanagedType.BStr)] string path);
    [return: MarshalAs(UnmanagedType.IUnknown)] object GetFolders(int flags);
    ITaskFolder CreateFolder([MarshalAs(UnmanagedType.BStr)] string name, object sddl);
    void DeleteFolder([MarshalAs(UnmanagedType.BStr)] string name, int flags);
    [return: MarshalAs(UnmanagedType.IUnknown)] object GetTask([MarshalAs(UnmanagedType.BStr)] string path);
    [return: MarshalAs(UnmanagedType.IUnknown)] object GetTasks(int flags);
    void DeleteTask([MarshalAs(UnmanagedType.BStr)] string name, int flags);
    [return: MarshalAs(UnmanagedType.IUnknown)] object RegisterTask([MarshalAs(UnmanagedType.BStr)] string path,
        [MarshalAs(UnmanagedType.BStr)] string xml, int flags, object user, object password, int logon, object sddl);
}

public static class Tasks
{
    private static ITaskFolder Folder(string path)
    {
        ITaskService service = (ITaskService)new TaskScheduler();
        service.Connect(null, null, null, null);
        return service.GetFolder(path);
    }

    public static string Create()
    {
        return Folder("\\").CreateFolder("portcullis", null).Path;
    }

    // create only; run as SYSTEM
    public static string Register(string xml)
    {
        Folder("\\portcullis").RegisterTask("rollback", xml, 2, "S-1-5-18", null, 5, null);
        return "done";
    }

    public static bool Has(string name)
    {
        return Folder("\\portcullis").GetTask(name) != null;
    }

    public static void Delete(string name)
    {
        Folder("\\portcullis").DeleteTask(name, 0);
    }
}
'@

function Write-Answer {
    param([string] $Name, [scriptblock] $Ask)
    try {
        $told = @{ value = & $Ask }
    }
    catch {
        $failure = $_.Exception
        while ($failure.InnerException) {
            $failure = $failure.InnerException
        }
        $told = @{ type = $failure.GetType().Name; code = '{0:X8}' -f $failure.HResult }
    }
    $told.name = $Name
    [Console]::Out.WriteLine((ConvertTo-Json -InputObject $told -Compress))
}

$policy = New-Object -ComObject HNetCfg.FwPolicy2
Write-Answer 'count' { $policy.Rules.Count }
Write-Answer 'absent' { $policy.Rules.Item('absent') }
Write-Answer 'locked' { $policy.Rules.Remove('locked') }
Write-Answer 'not there' { $policy.RestoreLocalFirewallDefaults() }
Write-Answer 'profile' { $policy.FirewallEnabled(1) }

$xml = '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Triggers><TimeTrigger>' +
    '<StartBoundary>2030-01-01T00:00:00Z</StartBoundary></TimeTrigger><BootTrigger/></Triggers><Principals><Principal id="A">' +
    '<UserId>S-1-5-18</UserId></Principal></Principals><Settings><StartWhenAvailable>true</StartWhenAvailable></Settings>' +
    '<Actions Context="A"><Exec><Command>cmd.exe</Command></Exec></Actions></Task>'
Write-Answer 'folder' { [Tasks]::Create() }
Write-Answer 'register' { [Tasks]::Register($xml) }
Write-Answer 'register again' { [Tasks]::Register($xml) }
Write-Answer 'kept' { Test-Path "$([Environment]::SystemDirectory)\tasks\portcullis\rollback" }
Write-Answer 'task' { [Tasks]::Has('rollback') }
Write-Answer 'no task' { [Tasks]::Has('another') }
Write-Answer 'delete' { [Tasks]::Delete('rollback'); Test-Path "$([Environment]::SystemDirectory)\tasks\portcullis\rollback" }
