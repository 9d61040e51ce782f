// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The few types of System.Management.Automation that Ansible.Basic.cs of ansible-core uses, for Mono. Three scripts are known,
// word for word; any other is refused, so that a newer ansible-core that asks for more is noticed.
using System.Collections;
using System.Collections.ObjectModel;
using System.Linq;
using System.Web.Script.Serialization;

namespace System.Management.Automation
{
    public class PSObject
    {
        private readonly object value;

        public PSObject(object value)
        {
            this.value = value;
        }

        public object BaseObject
        {
            get { return value; }
        }

        public override string ToString()
        {
            return value.ToString();
        }

        // Without wrappers, as ConvertTo-Json sees it.
        public static object Unwrapped(object value)
        {
            PSObject wrapped = value as PSObject;
            if (wrapped != null)
                return Unwrapped(wrapped.value);
            IDictionary map = value as IDictionary;
            if (map != null)
                return map.Keys.Cast<object>().ToDictionary(key => key.ToString(), key => Unwrapped(map[key]));
            IList list = value as IList;
            return list != null ? list.Cast<object>().Select(Unwrapped).ToList() : value;
        }
    }

    // What `exit` in a script block throws through the C# that invoked it: like PowerShell's own, a `catch (Exception)` around
    // ExitJson or FailJson swallows it, and the module then goes on.
    public class ExitException : SystemException
    {
        public readonly int Code;

        public ExitException(int code) : base("exit " + code)
        {
            Code = code;
        }
    }

    public class ScriptBlock
    {
        public static object ComplexArgs;
        public static int? LastExitCode;

        private readonly string text;

        private ScriptBlock(string text)
        {
            this.text = text;
        }

        public static ScriptBlock Create(string text)
        {
            return new ScriptBlock(text);
        }

        public Collection<PSObject> Invoke(params object[] args)
        {
            switch (text)
            {
                case "$complex_args":
                    return One(ComplexArgs);
                case "ConvertTo-Json -InputObject $args[0] -Depth 99 -Compress":
                    JavaScriptSerializer serializer = new JavaScriptSerializer();
                    serializer.MaxJsonLength = int.MaxValue;
                    serializer.RecursionLimit = 99;
                    return One(serializer.Serialize(PSObject.Unwrapped(args[0])));
                case "Set-Variable -Name LASTEXITCODE -Value $args[0] -Scope Global; exit $args[0]":
                    LastExitCode = (int)args[0];
                    throw new ExitException((int)args[0]);
                default:
                    throw new NotSupportedException("this is no PowerShell: it does not know the script <" + text + ">");
            }
        }

        private static Collection<PSObject> One(object value)
        {
            Collection<PSObject> result = new Collection<PSObject>();
            result.Add(new PSObject(value));
            return result;
        }
    }

    public class InvocationInfo
    {
        public string PositionMessage = "";
    }

    public class ErrorRecord
    {
        public Exception Exception = null;
        public InvocationInfo InvocationInfo = new InvocationInfo();
        public string CategoryInfo = "";
        public string FullyQualifiedErrorId = "";
        public string ScriptStackTrace = "";
    }
}

namespace System.Management.Automation.Runspaces
{
    public class Runspace
    {
        // Not null: Ansible.Basic.cs takes the ways that it takes in PowerShell.
        public static readonly Runspace DefaultRunspace = new Runspace();
    }
}
