// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// JSON into objects with public fields, the same under every base library: JavaScriptSerializer of .NET Framework fills such fields,
// System.Text.Json of .NET leaves them empty without a word. What no field is there for is an error.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Reflection;
using System.Text;

namespace portcullis.msports.tests
{
    public class Json
    {
        private readonly string text;
        private int at;

        private Json(string text)
        {
            this.text = text;
        }

        public static T Read<T>(string text)
        {
            Json json = new Json(text);
            object value = json.Value();
            if (json.Next() != '\0')
                throw json.Wrong();
            return (T)As(typeof(T), value);
        }

        private static object As(Type type, object value)
        {
            IDictionary<string, object> map = value as IDictionary<string, object>;
            List<object> list = value as List<object>;
            if (type.IsGenericType && list != null)
            {
                IList items = (IList)Activator.CreateInstance(type);
                foreach (object item in list)
                    items.Add(As(type.GetGenericArguments()[0], item));
                return items;
            }
            if (map == null)
                return value;
            object made = Activator.CreateInstance(type);
            IDictionary named = made as IDictionary;
            foreach (KeyValuePair<string, object> pair in map)
            {
                if (named != null)
                {
                    named[pair.Key] = As(type.GetGenericArguments()[1], pair.Value);
                    continue;
                }
                FieldInfo field = type.GetField(pair.Key);
                if (field == null)
                    throw new InvalidDataException(type.Name + " has no field " + pair.Key);
                field.SetValue(made, As(field.FieldType, pair.Value));
            }
            return made;
        }

        private object Value()
        {
            switch (Next())
            {
                case '{':
                    Dictionary<string, object> map = new Dictionary<string, object>();
                    Items('}', delegate
                    {
                        Next();
                        string key = Text();
                        Take(':');
                        map[key] = Value();
                    });
                    return map;
                case '[':
                    List<object> list = new List<object>();
                    Items(']', delegate { list.Add(Value()); });
                    return list;
                case '"':
                    return Text();
                default:
                    return Word();
            }
        }

        private void Items(char end, Action item)
        {
            at++;
            while (Next() != end)
            {
                item();
                if (Next() != end)
                    Take(',');
            }
            at++;
        }

        private object Word()
        {
            int start = at;
            while (at < text.Length && (Char.IsLetterOrDigit(text[at]) || text[at] == '-'))
                at++;
            string word = text.Substring(start, at - start);
            int number;
            if (word == "null")
                return null;
            if (word == "true" || word == "false")
                return word == "true";
            if (Int32.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number))
                return number;
            throw Wrong();
        }

        private string Text()
        {
            StringBuilder made = new StringBuilder();
            Take('"');
            while (text[at] != '"')
            {
                char letter = text[at++];
                if (letter == '\\')
                    letter = Escaped(text[at++]);
                made.Append(letter);
            }
            at++;
            return made.ToString();
        }

        private char Escaped(char letter)
        {
            int place = "bfnrt".IndexOf(letter);
            if (place >= 0)
                return "\b\f\n\r\t"[place];
            if (letter != 'u')
                return letter;
            at += 4;
            return (char)Int32.Parse(text.Substring(at - 4, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        }

        private char Next()
        {
            while (at < text.Length && Char.IsWhiteSpace(text[at]))
                at++;
            return at < text.Length ? text[at] : '\0';
        }

        private void Take(char letter)
        {
            if (Next() != letter)
                throw Wrong();
            at++;
        }

        private Exception Wrong()
        {
            return new InvalidDataException(String.Format(CultureInfo.InvariantCulture, "no JSON as it is expected here, at {0}", at));
        }
    }
}
