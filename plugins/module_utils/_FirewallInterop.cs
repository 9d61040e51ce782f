// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
//
// The COM interfaces of the Windows firewall, early bound.
// Early bound, because PowerShell's late binding cannot pass a null BSTR and looks every member up by name.
// The order of the members is the layout of the vtable: a test compares every declaration with netfw.idl.
using System.Runtime.InteropServices;

namespace ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop
{
    public enum NET_FW_PROFILE_TYPE2
    {
        NET_FW_PROFILE2_DOMAIN = 0x0001,
        NET_FW_PROFILE2_PRIVATE = 0x0002,
        NET_FW_PROFILE2_PUBLIC = 0x0004,
        NET_FW_PROFILE2_ALL = 0x7FFFFFFF
    }

    public enum NET_FW_RULE_DIRECTION
    {
        NET_FW_RULE_DIR_IN = 1,
        NET_FW_RULE_DIR_OUT = 2,
        NET_FW_RULE_DIR_MAX = 3
    }

    public enum NET_FW_ACTION
    {
        NET_FW_ACTION_BLOCK = 0,
        NET_FW_ACTION_ALLOW = 1,
        NET_FW_ACTION_MAX = 2
    }

    public enum NET_FW_MODIFY_STATE
    {
        NET_FW_MODIFY_STATE_OK = 0,
        NET_FW_MODIFY_STATE_GP_OVERRIDE = 1,
        NET_FW_MODIFY_STATE_INBOUND_BLOCKED = 2
    }

    // INetFwRules.Add and Item speak of this one; the executor works with INetFwRule3 of the same object.
    [ComImport, Guid("AF230D27-BABA-4E42-ACED-F524F22CFCE2"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface INetFwRule
    {
        [DispId(1)] string Name { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(2)] string Description { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(3)] string ApplicationName { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(4)] string ServiceName { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(5)] int Protocol { get; set; }
        [DispId(6)] string LocalPorts { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(7)] string RemotePorts { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(8)] string LocalAddresses { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(9)] string RemoteAddresses { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(10)] string IcmpTypesAndCodes { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(11)] NET_FW_RULE_DIRECTION Direction { get; set; }
        [DispId(12)] object Interfaces { [return: MarshalAs(UnmanagedType.Struct)] get; [param: MarshalAs(UnmanagedType.Struct)] set; }
        [DispId(13)] string InterfaceTypes { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(14)] bool Enabled { [return: MarshalAs(UnmanagedType.VariantBool)] get; [param: MarshalAs(UnmanagedType.VariantBool)] set; }
        [DispId(15)] string Grouping { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(16)] int Profiles { get; set; }
        [DispId(17)] bool EdgeTraversal { [return: MarshalAs(UnmanagedType.VariantBool)] get; [param: MarshalAs(UnmanagedType.VariantBool)] set; }
        [DispId(18)] NET_FW_ACTION Action { get; set; }
    }

    // Flat: all members of INetFwRule and INetFwRule2 again, because .NET does not lay out what a COM interface inherits.
    [ComImport, Guid("B21563FF-D696-4222-AB46-4E89B73AB34A"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface INetFwRule3
    {
        [DispId(1)] string Name { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(2)] string Description { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(3)] string ApplicationName { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(4)] string ServiceName { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(5)] int Protocol { get; set; }
        [DispId(6)] string LocalPorts { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(7)] string RemotePorts { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(8)] string LocalAddresses { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(9)] string RemoteAddresses { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(10)] string IcmpTypesAndCodes { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(11)] NET_FW_RULE_DIRECTION Direction { get; set; }
        [DispId(12)] object Interfaces { [return: MarshalAs(UnmanagedType.Struct)] get; [param: MarshalAs(UnmanagedType.Struct)] set; }
        [DispId(13)] string InterfaceTypes { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(14)] bool Enabled { [return: MarshalAs(UnmanagedType.VariantBool)] get; [param: MarshalAs(UnmanagedType.VariantBool)] set; }
        [DispId(15)] string Grouping { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(16)] int Profiles { get; set; }
        [DispId(17)] bool EdgeTraversal { [return: MarshalAs(UnmanagedType.VariantBool)] get; [param: MarshalAs(UnmanagedType.VariantBool)] set; }
        [DispId(18)] NET_FW_ACTION Action { get; set; }
        [DispId(19)] int EdgeTraversalOptions { get; set; }
        [DispId(20)] string LocalAppPackageId { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(21)] string LocalUserOwner { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(22)] string LocalUserAuthorizedList { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(23)] string RemoteUserAuthorizedList { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(24)] string RemoteMachineAuthorizedList { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(25)] int SecureFlags { get; set; }
    }

    [ComImport, Guid("9C4C6277-5027-441E-AFAE-CA1F542DA009"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface INetFwRules
    {
        [DispId(1)] int Count { get; }
        [DispId(2)] void Add([In, MarshalAs(UnmanagedType.Interface)] INetFwRule rule);
        [DispId(3)] void Remove([In, MarshalAs(UnmanagedType.BStr)] string name);
        [DispId(4)] [return: MarshalAs(UnmanagedType.Interface)]
        INetFwRule Item([In, MarshalAs(UnmanagedType.BStr)] string name);

        // An IEnumVARIANT: cast it to System.Runtime.InteropServices.ComTypes.IEnumVARIANT.
        [DispId(-4)] object _NewEnum { [return: MarshalAs(UnmanagedType.IUnknown)] get; }
    }

    [ComImport, Guid("8267BBE3-F890-491C-B7B6-2DB1EF0E5D2B"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface INetFwServiceRestriction
    {
        [DispId(1)] void RestrictService(
            [In, MarshalAs(UnmanagedType.BStr)] string serviceName,
            [In, MarshalAs(UnmanagedType.BStr)] string appName,
            [In, MarshalAs(UnmanagedType.VariantBool)] bool restrictService,
            [In, MarshalAs(UnmanagedType.VariantBool)] bool serviceSidRestricted);
        [DispId(2)] [return: MarshalAs(UnmanagedType.VariantBool)]
        bool ServiceRestricted([In, MarshalAs(UnmanagedType.BStr)] string serviceName, [In, MarshalAs(UnmanagedType.BStr)] string appName);
        [DispId(3)] INetFwRules Rules { [return: MarshalAs(UnmanagedType.Interface)] get; }
    }

    // A property with a parameter has no form in C#: such members are methods named get_ and set_.
    [ComImport, Guid("98325047-C671-4174-8D81-DEFCD3F03186"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface INetFwPolicy2
    {
        [DispId(1)] int CurrentProfileTypes { get; }
        [DispId(2)] [return: MarshalAs(UnmanagedType.VariantBool)]
        bool get_FirewallEnabled([In] NET_FW_PROFILE_TYPE2 profileType);
        [DispId(2)] void set_FirewallEnabled([In] NET_FW_PROFILE_TYPE2 profileType, [In, MarshalAs(UnmanagedType.VariantBool)] bool enabled);
        [DispId(3)] [return: MarshalAs(UnmanagedType.Struct)]
        object get_ExcludedInterfaces([In] NET_FW_PROFILE_TYPE2 profileType);
        [DispId(3)] void set_ExcludedInterfaces([In] NET_FW_PROFILE_TYPE2 profileType, [In, MarshalAs(UnmanagedType.Struct)] object interfaces);
        [DispId(4)] [return: MarshalAs(UnmanagedType.VariantBool)]
        bool get_BlockAllInboundTraffic([In] NET_FW_PROFILE_TYPE2 profileType);
        [DispId(4)] void set_BlockAllInboundTraffic([In] NET_FW_PROFILE_TYPE2 profileType, [In, MarshalAs(UnmanagedType.VariantBool)] bool block);
        [DispId(5)] [return: MarshalAs(UnmanagedType.VariantBool)]
        bool get_NotificationsDisabled([In] NET_FW_PROFILE_TYPE2 profileType);
        [DispId(5)] void set_NotificationsDisabled([In] NET_FW_PROFILE_TYPE2 profileType, [In, MarshalAs(UnmanagedType.VariantBool)] bool disabled);
        [DispId(6)] [return: MarshalAs(UnmanagedType.VariantBool)]
        bool get_UnicastResponsesToMulticastBroadcastDisabled([In] NET_FW_PROFILE_TYPE2 profileType);
        [DispId(6)] void set_UnicastResponsesToMulticastBroadcastDisabled(
            [In] NET_FW_PROFILE_TYPE2 profileType, [In, MarshalAs(UnmanagedType.VariantBool)] bool disabled);
        [DispId(7)] INetFwRules Rules { [return: MarshalAs(UnmanagedType.Interface)] get; }
        [DispId(8)] INetFwServiceRestriction ServiceRestriction { [return: MarshalAs(UnmanagedType.Interface)] get; }
        [DispId(9)] void EnableRuleGroup(
            [In] int profileTypesBitmask, [In, MarshalAs(UnmanagedType.BStr)] string group, [In, MarshalAs(UnmanagedType.VariantBool)] bool enable);
        [DispId(10)] [return: MarshalAs(UnmanagedType.VariantBool)]
        bool IsRuleGroupEnabled([In] int profileTypesBitmask, [In, MarshalAs(UnmanagedType.BStr)] string group);
        [DispId(11)] void RestoreLocalFirewallDefaults();
        [DispId(12)] NET_FW_ACTION get_DefaultInboundAction([In] NET_FW_PROFILE_TYPE2 profileType);
        [DispId(12)] void set_DefaultInboundAction([In] NET_FW_PROFILE_TYPE2 profileType, [In] NET_FW_ACTION action);
        [DispId(13)] NET_FW_ACTION get_DefaultOutboundAction([In] NET_FW_PROFILE_TYPE2 profileType);
        [DispId(13)] void set_DefaultOutboundAction([In] NET_FW_PROFILE_TYPE2 profileType, [In] NET_FW_ACTION action);
        [DispId(14)] [return: MarshalAs(UnmanagedType.VariantBool)]
        bool get_IsRuleGroupCurrentlyEnabled([In, MarshalAs(UnmanagedType.BStr)] string group);
        [DispId(15)] NET_FW_MODIFY_STATE LocalPolicyModifyState { get; }
    }

    // A product that has registered for categories of rules, as NET_FW_RULE_CATEGORY has them.
    [ComImport, Guid("71881699-18F4-458B-B892-3FFCE5E07F75"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface INetFwProduct
    {
        [DispId(1)] object RuleCategories { [return: MarshalAs(UnmanagedType.Struct)] get; [param: MarshalAs(UnmanagedType.Struct)] set; }
        [DispId(2)] string DisplayName { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        [DispId(3)] string PathToSignedProductExe { [return: MarshalAs(UnmanagedType.BStr)] get; }
    }

    [ComImport, Guid("39EB36E0-2097-40BD-8AF2-63A13B525362"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface INetFwProducts
    {
        [DispId(1)] int Count { get; }
        [DispId(2)] [return: MarshalAs(UnmanagedType.IUnknown)]
        object Register([In, MarshalAs(UnmanagedType.Interface)] INetFwProduct product);
        [DispId(3)] [return: MarshalAs(UnmanagedType.Interface)]
        INetFwProduct Item([In] int index);
        [DispId(-4)] object _NewEnum { [return: MarshalAs(UnmanagedType.IUnknown)] get; }
    }

    [ComImport, Guid("CC19079B-8272-4D73-BB70-CDB533527B61")]
    public class NetFwProducts
    {
    }

    [ComImport, Guid("E2B3C97F-6AE1-41AC-817A-F6F92166D7DD")]
    public class NetFwPolicy2
    {
    }

    [ComImport, Guid("2C5BC43E-3369-4C33-AB0C-BE9469677AF4")]
    public class NetFwRule
    {
    }
}
