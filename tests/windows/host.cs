// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Stands where module_wrapper.ps1 of ansible-core stands: sets $complex_args, does the three statements of the module's .ps1 (spec,
// module, one static method that takes the module; or one method that takes the arguments), and gives back output and exit code.
// Reads lines of JSON, {spec, type, method, arguments, environment, wide}, and answers each with a line {code, output}: a host runs one
// call in a process, tests that need hundreds run them in one.
using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Management.Automation;
using System.Reflection;
using System.Text;
using System.Web.Script.Serialization;
using Ansible.Basic;

namespace portcullis.msports.tests
{
    public static class Host
    {
        public static int Main()
        {
            UTF8Encoding utf8 = new UTF8Encoding(false);
            JavaScriptSerializer serializer = new JavaScriptSerializer();
            serializer.MaxJsonLength = int.MaxValue;
            serializer.RecursionLimit = 99;
            using (StreamReader reader = new StreamReader(Console.OpenStandardInput(), utf8))
            using (StreamWriter writer = new StreamWriter(Console.OpenStandardOutput(), utf8))
            {
                string line;
                while ((line = reader.ReadLine()) != null)
                {
                    writer.WriteLine(serializer.Serialize(Answer(serializer.Deserialize<Dictionary<string, object>>(line), serializer)));
                    writer.Flush();
                }
            }
            return 0;
        }

        private static Dictionary<string, object> Answer(Dictionary<string, object> order, JavaScriptSerializer serializer)
        {
            StringWriter written = new StringWriter();
            written.NewLine = "\r\n";
            TextWriter before = Console.Out;
            Console.SetOut(written);
            IDictionary<string, object> environment = (IDictionary<string, object>)order["environment"];
            foreach (KeyValuePair<string, object> variable in environment)
                Environment.SetEnvironmentVariable(variable.Key, (string)variable.Value);
            int code = Call(order, written, serializer);
            // The stand-in writes its file when the process ends; here a call may end before.
            Type standIn = Assembly.GetExecutingAssembly().GetType("portcullis.msports.tests.StandIn");
            if (standIn != null)
                standIn.GetMethod("Close").Invoke(null, null);
            foreach (string name in environment.Keys)
                Environment.SetEnvironmentVariable(name, null);
            Console.SetOut(before);
            return new Dictionary<string, object> { { "code", code }, { "output", written.ToString() } };
        }

        private static int Call(Dictionary<string, object> order, StringWriter written, JavaScriptSerializer serializer)
        {
            string name = (string)order["method"];
            try
            {
                ScriptBlock.LastExitCode = null;
                ScriptBlock.ComplexArgs = AsPowerShell(order["arguments"], (bool)order["wide"]);
                Type type = Assembly.GetExecutingAssembly().GetType((string)order["type"], false, true);
                bool plain = order["spec"] == null;
                Type[] takes = { plain ? typeof(IDictionary) : typeof(AnsibleModule) };
                MethodInfo method = type == null ? null : type.GetMethod(name, BindingFlags.Public | BindingFlags.Static, null, takes, null);
                if (type == null)
                    throw new InvalidOperationException(String.Format("Unable to find type [{0}].", order["type"]));
                if (method == null)
                    throw new InvalidOperationException(String.Format("[{0}] does not contain a method named '{1}'.", order["type"], name));
                if (plain)
                {
                    written.WriteLine(serializer.Serialize(method.Invoke(null, new object[] { ScriptBlock.ComplexArgs })));
                    return 0;
                }
                method.Invoke(null, new object[] { AnsibleModule.Create(new string[0], (IDictionary)Literal(order["spec"])) });
                return ScriptBlock.LastExitCode ?? 0;
            }
            catch (ExitException exit)
            {
                return exit.Code;
            }
            catch (TargetInvocationException wrapped)
            {
                ExitException exit = wrapped.InnerException as ExitException;
                return exit != null ? exit.Code : Unhandled(written, serializer, wrapped.InnerException, name);
            }
            catch (Exception error)
            {
                return Unhandled(written, serializer, error, name);
            }
        }

        private static int Unhandled(StringWriter written, JavaScriptSerializer serializer, Exception error, string method)
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["failed"] = true;
            string call = String.Format("Exception calling \"{0}\" with \"1\" argument(s): \"{1}\"", method, error.Message);
            result["msg"] = "Unhandled exception while executing module: " + call;
            result["exception"] = error.ToString();
            written.WriteLine(serializer.Serialize(result));
            return 1;
        }

        // A hashtable literal of PowerShell.
        private static object Literal(object value)
        {
            IDictionary<string, object> map = value as IDictionary<string, object>;
            if (map == null)
                return value is IList ? ((IList)value).Cast<object>().Select(Literal).ToArray() : value;
            Hashtable table = new Hashtable(StringComparer.OrdinalIgnoreCase);
            foreach (KeyValuePair<string, object> pair in map)
                table.Add(pair.Key, Literal(pair.Value));
            return table;
        }

        // ConvertFrom-Json and the exec wrapper: objects are hashtables that ignore case, lists are object[] of what went through a
        // pipeline, so a text, number or flag in them is wrapped; Windows PowerShell gives small numbers as Int32, PowerShell 7 as
        // Int64 (`wide`).
        private static object AsPowerShell(object value, bool wide)
        {
            IDictionary<string, object> map = value as IDictionary<string, object>;
            if (map != null)
            {
                Hashtable table = new Hashtable(StringComparer.OrdinalIgnoreCase);
                foreach (KeyValuePair<string, object> pair in map)
                    table.Add(pair.Key, AsPowerShell(pair.Value, wide));
                return table;
            }
            IList list = value as IList;
            if (list != null)
            {
                object[] items = new object[list.Count];
                for (int index = 0; index < items.Length; index++)
                {
                    object item = AsPowerShell(list[index], wide);
                    items[index] = item == null || item is Hashtable || item is object[] ? item : new PSObject(item);
                }
                return items;
            }
            if (value is decimal)
                return (double)(decimal)value;
            return wide && value is int ? (long)(int)value : value;
        }
    }
}
