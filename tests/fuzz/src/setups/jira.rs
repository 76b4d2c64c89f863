//! Atlassian's cloud, its government's, and a server of somebody's own.

use crate::setup::{Call, Setup};
use Call::{Exchange, Identify, Mint, Revoke};

const TOKEN: (&str, &str) = ("token", "ATATT3xCaNaRy=1A2B3C4D");
const EMAIL: (&str, &str) = ("email", "ada@example.com");
const SITE: (&str, &str) = ("url", "https://example.atlassian.net");
const CLIENT: (&str, &str) = ("client-id", "client");
const CLIENT_SECRET: (&str, &str) = ("client-secret", "client-CaNaRy");
const REFRESH: (&str, &str) = ("refresh-token", "refresh-CaNaRy");
const CURRENT: (&str, &str) = ("current-token", "eyJ.CaNaRy.current");

/// All of them.
pub const SETUPS: &[Setup] = &[
    Setup {
        name: "classic",
        kind: "api-token",
        fields: &[TOKEN, EMAIL, SITE],
        narrowing: &[],
        calls: &[Identify],
    },
    Setup {
        name: "scoped",
        kind: "scoped-api-token",
        fields: &[TOKEN, EMAIL, SITE],
        narrowing: &[],
        calls: &[Mint, Identify],
    },
    Setup {
        name: "service",
        kind: "service-account-token",
        fields: &[TOKEN, SITE],
        narrowing: &[],
        calls: &[Mint, Identify],
    },
    Setup {
        name: "oauth",
        kind: "oauth",
        fields: &[REFRESH, CLIENT, CLIENT_SECRET],
        narrowing: &[],
        calls: &[Mint, Exchange],
    },
    Setup {
        name: "oauth-site",
        kind: "oauth",
        fields: &[REFRESH, CLIENT, CLIENT_SECRET, ("site", "https://example.atlassian.net")],
        narrowing: &[],
        calls: &[Mint],
    },
    Setup {
        name: "connected",
        kind: "oauth",
        fields: &[
            REFRESH,
            CLIENT,
            CLIENT_SECRET,
            CURRENT,
            ("current-token-expires-at-ms", "1786960700000"),
        ],
        narrowing: &[],
        calls: &[Mint, Identify],
    },
    Setup {
        name: "client",
        kind: "oauth-client",
        fields: &[CLIENT, CLIENT_SECRET, ("site", "https://example.atlassian.net")],
        narrowing: &[],
        calls: &[Mint],
    },
    Setup {
        name: "elsewhere",
        kind: "oauth",
        fields: &[REFRESH, CLIENT, CLIENT_SECRET, ("url", "https://jira.example.com")],
        narrowing: &[],
        calls: &[Mint, Exchange],
    },
    Setup {
        name: "data-center",
        kind: "data-center-token",
        fields: &[("token", "pat-CaNaRy"), ("url", "https://jira.example.com/jira")],
        narrowing: &[],
        calls: &[Identify, Revoke],
    },
    Setup {
        name: "data-center-id",
        kind: "data-center-token",
        fields: &[("token", "pat-CaNaRy"), ("url", "https://jira.example.com/jira"), ("token-id", "7")],
        narrowing: &[],
        calls: &[Revoke],
    },
];
