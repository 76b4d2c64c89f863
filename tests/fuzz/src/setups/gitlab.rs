//! gitlab.com, and an instance below a relative root.

use crate::setup::{Call, Setup};
use Call::{Exchange, Identify, Mint, Revoke};

const STORED: (&str, &str) = ("token", "glpat-CaNaRy");
const CURRENT: (&str, &str) = ("current-token", "glpat-CaNaRy-current");

/// All of them.
pub const SETUPS: &[Setup] = &[
    Setup {
        name: "rotating",
        kind: "rotating-access-token",
        fields: &[STORED],
        narrowing: &[],
        calls: &[Mint],
    },
    Setup {
        name: "rotating-below",
        kind: "rotating-access-token",
        fields: &[STORED, ("lifetime-days", "400"), ("url", "https://host.example/gitlab")],
        narrowing: &[],
        calls: &[Mint],
    },
    Setup {
        name: "oauth",
        kind: "oauth",
        fields: &[
            ("refresh-token", "refresh-CaNaRy"),
            ("client-id", "application"),
            ("client-secret", "client-CaNaRy"),
        ],
        narrowing: &[],
        calls: &[Mint, Exchange],
    },
    Setup {
        name: "oauth-below",
        kind: "oauth",
        fields: &[
            ("refresh-token", "refresh-CaNaRy"),
            ("client-id", "application"),
            ("redirect-uri", "https://claviger.example/callback"),
            ("url", "https://host.example/gitlab"),
            ("user-name", "Ada Lovelace"),
            ("email", "ada@example.com"),
        ],
        narrowing: &[],
        calls: &[Mint, Exchange],
    },
    Setup {
        name: "connected",
        kind: "oauth",
        fields: &[
            ("refresh-token", "refresh-CaNaRy"),
            ("client-id", "application"),
            ("client-secret", "client-CaNaRy"),
            CURRENT,
        ],
        narrowing: &[],
        calls: &[Identify, Revoke],
    },
    Setup {
        name: "pat",
        kind: "personal-access-token",
        fields: &[STORED, ("current-token", "glpat-CaNaRy")],
        narrowing: &[],
        calls: &[Identify, Revoke],
    },
    Setup {
        name: "pat-at-address",
        kind: "personal-access-token",
        fields: &[STORED, ("current-token", "glpat-CaNaRy"), ("url", "https://[2001:db8::1]:8443")],
        narrowing: &[],
        calls: &[Identify, Revoke],
    },
];
