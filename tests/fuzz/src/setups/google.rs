//! People, service accounts, impersonation, identities of other issuers.

use crate::setup::{Call, Setup};
use Call::{Exchange, Identify, Mint, Revoke};

const REFRESH: (&str, &str) = ("refresh-token", "1//CaNaRy");
const CLIENT: (&str, &str) = ("client-id", "client.apps.googleusercontent.com");
const CLIENT_SECRET: (&str, &str) = ("client-secret", "GOCSPX-CaNaRy");
const KEY: (&str, &str) = ("private-key", "PEM CaNaRy");
const ROBOT: (&str, &str) = ("client-email", "robot@project.iam.gserviceaccount.com");
const DRIVE: (&str, &str) = ("scopes", "https://www.googleapis.com/auth/drive openid email");
const TARGET: (&str, &str) = ("target", "deployer@project.iam.gserviceaccount.com");
const READ_ONLY: (&str, &str) = ("scope", "https://www.googleapis.com/auth/drive.readonly");
const AUDIENCE: (&str, &str) = (
    "audience",
    "//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/pool/providers/ci",
);
const SUBJECT: (&str, &str) = ("subject-token", "eyJ.CaNaRy.subject");

/// All of them.
pub const SETUPS: &[Setup] = &[
    Setup {
        name: "person",
        kind: "authorised-user",
        fields: &[REFRESH, CLIENT, CLIENT_SECRET, ("project-id", "project")],
        narrowing: &[],
        calls: &[Mint, Revoke, Exchange],
    },
    Setup {
        name: "person-narrowed",
        kind: "authorised-user",
        fields: &[REFRESH, CLIENT, CLIENT_SECRET, DRIVE],
        narrowing: &[("scope", "email")],
        calls: &[Mint],
    },
    Setup {
        name: "connected",
        kind: "authorised-user",
        fields: &[REFRESH, CLIENT, CLIENT_SECRET, DRIVE, ("current-token", "ya29.CaNaRy")],
        narrowing: &[],
        calls: &[Identify, Exchange],
    },
    Setup {
        name: "account",
        kind: "service-account",
        fields: &[KEY, ROBOT, ("private-key-id", "key-1")],
        narrowing: &[],
        calls: &[Mint],
    },
    Setup {
        name: "delegated",
        kind: "service-account",
        fields: &[
            KEY,
            ROBOT,
            DRIVE,
            ("subject", "ada@example.com"),
            ("url", "https://google.example.com"),
        ],
        narrowing: &[READ_ONLY],
        calls: &[Mint, Identify],
    },
    Setup {
        name: "impersonated",
        kind: "impersonated-service-account",
        fields: &[
            REFRESH,
            CLIENT,
            CLIENT_SECRET,
            TARGET,
            ("delegates", "middle@project.iam.gserviceaccount.com"),
        ],
        narrowing: &[],
        calls: &[Mint, Revoke],
    },
    Setup {
        name: "impersonated-by-key",
        kind: "impersonated-service-account",
        fields: &[KEY, ROBOT, TARGET, DRIVE],
        narrowing: &[READ_ONLY],
        calls: &[Mint],
    },
    Setup {
        name: "federated",
        kind: "external-account",
        fields: &[AUDIENCE, SUBJECT, ("workforce-project", "7")],
        narrowing: &[],
        calls: &[Mint],
    },
    Setup {
        name: "federated-target",
        kind: "external-account",
        fields: &[AUDIENCE, SUBJECT, TARGET],
        narrowing: &[],
        calls: &[Mint],
    },
];
