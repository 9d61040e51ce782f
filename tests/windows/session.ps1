# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One PowerShell for many calls. Reads a line of JSON for each, {bootstrap, input, environment}: the script and the standard input
# that ansible-core sends. Runs the script in a runspace of its own, with a host that keeps the exit code; answers with a line
# {code, output, error}. Starting a PowerShell and compiling the C# are what takes long; both happen once.
$ErrorActionPreference = 'Stop'
Add-Type -TypeDefinition @'
using System;
using System.Globalization;
using System.Management.Automation.Host;

public class SessionHost : PSHost
{
    public int? Code;
    private readonly Guid id = Guid.NewGuid();
    public override Guid InstanceId { get { return id; } }
    public override string Name { get { return "session"; } }
    public override Version Version { get { return new Version(1, 0); } }
    public override CultureInfo CurrentCulture { get { return CultureInfo.InvariantCulture; } }
    public override CultureInfo CurrentUICulture { get { return CultureInfo.InvariantCulture; } }
    public override PSHostUserInterface UI { get { return null; } }
    public override void SetShouldExit(int exitCode) { Code = exitCode; }
    public override void EnterNestedPrompt() { }
    public override void ExitNestedPrompt() { }
    public override void NotifyBeginApplication() { }
    public override void NotifyEndApplication() { }
}
'@

function Invoke-Call {
    param([string] $Bootstrap, [string[]] $Lines)
    $sessionHost = [SessionHost]::new()
    $runspace = [RunspaceFactory]::CreateRunspace($sessionHost, [InitialSessionState]::CreateDefault2())
    $runspace.Open()
    $shell = [PowerShell]::Create($runspace)
    $failure = $null
    $output = @()
    try {
        $output = @($shell.AddScript($Bootstrap).Invoke($Lines))
    }
    catch {
        $failure = "$_"
    }
    $errors = @($shell.Streams.Error | ForEach-Object { "$_" }) + @($failure | Where-Object { $_ })
    $shell.Dispose()
    $runspace.Dispose()
    # The stand-in writes its file when the process ends; here a call ends before.
    $standIn = 'portcullis.msports.tests.StandIn' -as [type]
    if ($standIn) {
        $standIn::Close()
    }
    $code = if ($null -ne $sessionHost.Code) { $sessionHost.Code } elseif ($errors) { 1 } else { 0 }
    @{ code = $code; output = (@($output | ForEach-Object { "$_`n" }) -join ''); error = ($errors -join "`n") }
}

$reader = [IO.StreamReader]::new([Console]::OpenStandardInput(), [Text.UTF8Encoding]::new($false))
$writer = [IO.StreamWriter]::new([Console]::OpenStandardOutput(), [Text.UTF8Encoding]::new($false))
while ($null -ne ($line = $reader.ReadLine())) {
    $call = $line | ConvertFrom-Json -AsHashtable -DateKind String
    foreach ($name in $call.environment.Keys) {
        [Environment]::SetEnvironmentVariable($name, $call.environment[$name])
    }
    $answer = Invoke-Call -Bootstrap $call.bootstrap -Lines $call.input
    foreach ($name in $call.environment.Keys) {
        [Environment]::SetEnvironmentVariable($name, $null)
    }
    $ours = 'ansible_collections.portcullis.msports.plugins.module_utils._FirewallRollback.Rollback'
    $answer.loaded = $null -ne ('Ansible.Basic.AnsibleModule' -as [type]) -or $null -ne ($ours -as [type])
    $writer.WriteLine((ConvertTo-Json -InputObject $answer -Compress -EscapeHandling EscapeNonAscii))
    $writer.Flush()
}
