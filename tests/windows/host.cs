// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Stands where module_wrapper.ps1 of ansible-core stands: sets $complex_args, calls the one static method that the module's .ps1
// calls, and gives back its output and exit code. Reads {type, method, arguments, wide} as JSON from standard input.
using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Management.Automation;
using System.Reflection;
using System.Text;
using System.Web.Script.Serialization;

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
            Dictionary<string, object> order;
            using (StreamReader reader = new StreamReader(Console.OpenStandardInput(), utf8))
                order = serializer.Deserialize<Dictionary<string, object>>(reader.ReadToEnd());

            ScriptBlock.ComplexArgs = AsPowerShell(order["arguments"], (bool)order["wide"]);
            Type type = Assembly.GetExecutingAssembly().GetType((string)order["type"], false, true);
            MethodInfo method = type == null ? null : type.GetMethod((string)order["method"], BindingFlags.Public | BindingFlags.Static, null, new[] { typeof(string[]) }, null);

            StringWriter written = new StringWriter();
            written.NewLine = "\r\n";
            TextWriter before = Console.Out;
            Console.SetOut(written);
            int code = 0;
            try
            {
                if (method == null)
                    throw new InvalidOperationException(String.Format("Unable to find [{0}]::{1}(string[])", order["type"], order["method"]));
                method.Invoke(null, new object[] { new string[0] });
                code = ScriptBlock.LastExitCode ?? 0;
            }
            catch (TargetInvocationException wrapped)
            {
                ExitException exit = wrapped.InnerException as ExitException;
                if (exit != null)
                    code = exit.Code;
                else
                    code = Unhandled(written, serializer, wrapped.InnerException, (string)order["method"]);
            }
            catch (InvalidOperationException error)
            {
                code = Unhandled(written, serializer, error, (string)order["method"]);
            }
            Console.SetOut(before);
            byte[] output = utf8.GetBytes(written.ToString());
            using (Stream stream = Console.OpenStandardOutput())
                stream.Write(output, 0, output.Length);
            return code;
        }

        private static int Unhandled(StringWriter written, JavaScriptSerializer serializer, Exception error, string method)
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["failed"] = true;
            result["msg"] = String.Format("Unhandled exception while executing module: Exception calling \"{0}\" with \"1\" argument(s): \"{1}\"", method, error.Message);
            result["exception"] = error.ToString();
            written.WriteLine(serializer.Serialize(result));
            return 1;
        }

        // ConvertFrom-Json and the exec wrapper: objects are hashtables that ignore case, lists are object[]; Windows PowerShell gives
        // small numbers as Int32, PowerShell 7 as Int64 (`wide`).
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
                    items[index] = AsPowerShell(list[index], wide);
                return items;
            }
            if (wide && value is int)
                return (long)(int)value;
            return value;
        }
    }
}
