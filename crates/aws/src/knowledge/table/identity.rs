//! Identities, accounts, keys and secrets, beside what `control` has.

use super::Row;
use super::Rule::{Reads, Repeats};

pub(super) const ROWS: &[Row] = &[
    // Keys and codes computed and handed out leave the key as it is.
    (
        "kms",
        &[
            "ReEncrypt",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateMac",
            "VerifyMac",
            "DeriveSharedSecret",
        ],
        Reads,
    ),
    // UpdateAlias and UpdatePrimaryRegion name the state that is wanted.
    ("kms", &["UpdateAlias"], Repeats(&[])),
    // A policy type is on.
    (
        "organizations",
        &["EnablePolicyType"],
        Repeats(&["PolicyTypeAlreadyEnabledException"]),
    ),
    // A policy type is off.
    (
        "organizations",
        &["DisablePolicyType"],
        Repeats(&["PolicyTypeNotEnabledException"]),
    ),
    // A delegated administrator is one.
    (
        "organizations",
        &["RegisterDelegatedAdministrator"],
        Repeats(&["AccountAlreadyRegisteredException"]),
    ),
    // A delegated administrator is none.
    (
        "organizations",
        &["DeregisterDelegatedAdministrator"],
        Repeats(&["AccountNotRegisteredException"]),
    ),
    // Trusted access is on or off; a unit has its name.
    (
        "organizations",
        &[
            "EnableAWSServiceAccess",
            "DisableAWSServiceAccess",
            "UpdateOrganizationalUnit",
        ],
        Repeats(&[]),
    ),
    // An account is closed once.
    (
        "organizations",
        &["CloseAccount"],
        Repeats(&["AccountAlreadyClosedException"]),
    ),
    // An account that left is not there.
    (
        "organizations",
        &["RemoveAccountFromOrganization"],
        Repeats(&["AccountNotFoundException"]),
    ),
    // State of a key, certificate or provider.
    (
        "iam",
        &[
            "UpdateSSHPublicKey",
            "UpdateSigningCertificate",
            "UpdateServiceSpecificCredential",
            "UpdateOpenIDConnectProviderThumbprint",
            "UpdateSAMLProvider",
            "AddClientIDToOpenIDConnectProvider",
            "RemoveClientIDFromOpenIDConnectProvider",
            "EnableOrganizationsRootCredentialsManagement",
            "EnableOrganizationsRootSessions",
            "DisableOrganizationsRootCredentialsManagement",
            "DisableOrganizationsRootSessions",
        ],
        Repeats(&[]),
    ),
    // They only read.
    (
        "cognito-idp",
        &[
            "AdminGetDevice",
            "AdminGetUser",
            "AdminListDevices",
            "AdminListGroupsForUser",
            "AdminListUserAuthEvents",
        ],
        Reads,
    ),
    // A user that is gone.
    (
        "cognito-idp",
        &["AdminDeleteUser"],
        Repeats(&["UserNotFoundException"]),
    ),
    // State of a user or a device; tokens revoked stay revoked.
    (
        "cognito-idp",
        &[
            "AdminDeleteUserAttributes",
            "AdminDisableProviderForUser",
            "AdminForgetDevice",
            "AdminSetUserMFAPreference",
            "AdminSetUserPassword",
            "AdminSetUserSettings",
            "AdminUpdateDeviceStatus",
            "AdminUpdateUserAttributes",
            "ForgetDevice",
            "GlobalSignOut",
            "RevokeToken",
            "SetUICustomization",
            "UpdateDeviceStatus",
            "UpdateGroup",
            "UpdateIdentityProvider",
            "UpdateResourceServer",
        ],
        Repeats(&[]),
    ),
    // Attributes of a user or group.
    (
        "identitystore",
        &["UpdateUser", "UpdateGroup"],
        Repeats(&[]),
    ),
    // What a permission set holds.
    (
        "sso-admin",
        &[
            "AttachCustomerManagedPolicyReferenceToPermissionSet",
            "AttachManagedPolicyToPermissionSet",
            "DetachCustomerManagedPolicyReferenceFromPermissionSet",
            "DetachManagedPolicyFromPermissionSet",
            "PutInlinePolicyToPermissionSet",
            "PutPermissionsBoundaryToPermissionSet",
            "UpdatePermissionSet",
            "UpdateInstance",
            "UpdateApplication",
            "UpdateTrustedTokenIssuer",
            "CreateAccountAssignment",
        ],
        Repeats(&[]),
    ),
    // Replicas are there or not.
    (
        "secretsmanager",
        &["RemoveRegionsFromReplication", "StopReplicationToReplica"],
        Repeats(&[]),
    ),
    // A region is on or off.
    ("account", &["EnableRegion", "DisableRegion"], Repeats(&[])),
];
