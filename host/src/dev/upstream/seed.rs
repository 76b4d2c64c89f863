//! What the emulated upstream knows from the start: people, their credentials, the App and the application they are of.
//!
//! All of it follows from the names, so that a data folder that is used again still holds credentials that work.

use super::world::{derived, slug};
use crate::secret::Secret;
use serde_json::json;

/// The emulated App's private key, in GitHub's form.
const APP_KEY: &str = include_str!("keys/github-app.pkcs1.pem");
/// The emulated service accounts' private key, in Google's form.
pub(super) const SERVICE_ACCOUNT_KEY: &str = include_str!("keys/google-service-account.pkcs8.pem");
/// The project of the emulated service accounts.
const PROJECT: &str = "claviger-emulator";

/// Everybody and everything that the emulated upstream knows.
#[derive(Clone)]
pub struct Seed {
    /// The people.
    pub people: Vec<Person>,
    /// The App that is installed for each of them.
    pub github_app: GithubApp,
    /// An OAuth App at GitHub.
    pub github_oauth_app: GithubOauthApp,
    /// The application that holds a grant of each of them.
    pub gitlab_application: GitlabApplication,
    /// The client that holds a grant of each of them at Google.
    pub google_client: GoogleClient,
    /// The application that people consent to at Atlassian.
    pub jira_application: JiraApplication,
}

/// A person with an account at each of the four.
#[derive(Clone)]
pub struct Person {
    /// Their name and login.
    pub name: String,
    /// Their address of mail; a Google service account may act as it.
    pub email: String,
    /// A classic personal access token.
    pub github_pat: Secret,
    /// The installation of the App in their account.
    pub github_installation: u64,
    /// A personal access token.
    pub gitlab_pat: Secret,
    /// The first refresh token of a grant to the application.
    pub gitlab_refresh_token: Secret,
    /// An API token.
    pub jira_token: Secret,
    /// An API token with scopes, which works through the gateway alone.
    pub jira_scoped_token: Secret,
    /// The API token of their service account.
    pub jira_service_token: Secret,
    /// Their service account's address.
    pub jira_service_email: String,
    /// Their service account's client id, for client credentials.
    pub jira_client_id: String,
    /// Its secret.
    pub jira_client_secret: Secret,
    /// A personal access token of the emulated server.
    pub jira_personal_token: Secret,
    /// The first refresh token of a grant to the application.
    pub jira_refresh_token: Secret,
    /// Their service account.
    pub google_account: String,
    /// Its key file, a JSON document.
    pub google_key_file: Secret,
    /// The refresh token of a grant to the client.
    pub google_refresh_token: Secret,
    /// A service account that they, their own service account and their federated identity may impersonate.
    pub google_deployer: String,
    /// One that `google_deployer` alone may impersonate.
    pub google_vault: String,
}

/// The emulated GitHub App.
#[derive(Clone)]
pub struct GithubApp {
    /// Its id.
    pub app_id: String,
    /// Its client id, which assertions may name as well.
    pub client_id: String,
    /// Its client secret, for what people grant it.
    pub client_secret: Secret,
    /// Its private key, PEM.
    pub private_key: Secret,
    /// An installation that has been suspended.
    pub suspended_installation: u64,
}

/// The emulated OAuth App at GitHub: its tokens do not end unless they are asked to.
#[derive(Clone)]
pub struct GithubOauthApp {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
}

/// The emulated OAuth application at GitLab. Confidential: it has to show its secret.
#[derive(Clone)]
pub struct GitlabApplication {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// Where consents were sent back to.
    pub redirect_uri: String,
    /// The id of another that is public: it has no secret to show.
    pub public_client_id: String,
}

/// The emulated OAuth 2.0 application at Atlassian.
#[derive(Clone)]
pub struct JiraApplication {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
}

/// The emulated OAuth client at Google.
#[derive(Clone)]
pub struct GoogleClient {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// The workload identity provider that takes tokens of the emulated issuer.
    pub audience: String,
}

impl Seed {
    /// These people, in this order, with one App and one application for all.
    pub fn people<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let people = names
            .into_iter()
            .zip(1001..)
            .map(|(name, installation)| Person::new(name, installation))
            .collect();
        let secret = format!("gloas-{}", derived("gitlab-application", "secret", 64));
        Self {
            people,
            github_app: GithubApp {
                app_id: "104200".to_owned(),
                client_id: "Iv23liEmulatedApp00".to_owned(),
                client_secret: Secret::new(derived("github-app", "secret", 40)),
                private_key: Secret::new(APP_KEY.to_owned()),
                suspended_installation: 9403,
            },
            github_oauth_app: GithubOauthApp {
                client_id: "Ov23liEmulatedOauth0".to_owned(),
                client_secret: Secret::new(derived("github-oauth-app", "secret", 40)),
            },
            gitlab_application: GitlabApplication {
                client_id: derived("gitlab-application", "id", 64),
                client_secret: Secret::new(secret),
                redirect_uri: "http://127.0.0.1/oauth/callback".to_owned(),
                public_client_id: derived("gitlab-application", "public", 64),
            },
            jira_application: JiraApplication {
                client_id: derived("jira-application", "id", 32),
                client_secret: Secret::new(format!("ATOA{}", derived("jira-application", "secret", 60))),
            },
            google_client: GoogleClient {
                client_id: "104200-emulated.apps.googleusercontent.com".to_owned(),
                client_secret: Secret::new(format!("GOCSPX-{}", derived("google-client", "secret", 28))),
                audience: super::google::AUDIENCE_OF_POOL.to_owned(),
            },
        }
    }
}

impl Person {
    fn new(name: &str, github_installation: u64) -> Self {
        let (slug, email) = (
            slug(name),
            if name.contains('@') {
                name.to_owned()
            } else {
                format!("{name}@example.org")
            },
        );
        let google_account = format!("claviger-{slug}@{PROJECT}.iam.gserviceaccount.com");
        let padded = |kind: &str, length: usize| {
            let mut text = format!("{slug}{}", derived(kind, name, 64));
            text.truncate(length.max(slug.len() + 12));
            text
        };
        let key_file = json!({
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": derived("google-key", "id", 40),
            "private_key": SERVICE_ACCOUNT_KEY,
            "client_email": google_account,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token",
        });
        Self {
            name: name.to_owned(),
            email,
            github_pat: Secret::new(format!("ghp_{}", padded("github-pat", 36))),
            github_installation,
            gitlab_pat: Secret::new(format!("glpat-{}", padded("gitlab-pat", 20))),
            gitlab_refresh_token: Secret::new(super::gitlab::refresh_token(name, 0, 0)),
            jira_token: Secret::new(format!("ATATT3xFf{}=0DE1F00D", padded("jira", 170))),
            jira_scoped_token: Secret::new(format!("ATATT3xFf{}=5C09ED00", padded("jira-scoped", 170))),
            jira_service_token: Secret::new(format!("ATSTT3xFf{}=5E2F1CE0", padded("jira-service", 170))),
            jira_service_email: format!("{slug}-bot@serviceaccount.atlassian.com"),
            jira_client_id: derived("jira-client", name, 32),
            jira_client_secret: Secret::new(format!("ATOA{}", derived("jira-client-secret", name, 60))),
            jira_personal_token: Secret::new(padded("jira-personal", 44)),
            jira_refresh_token: Secret::new(super::jira::refresh_token(name, 0, 0)),
            google_account,
            google_key_file: Secret::new(key_file.to_string()),
            google_refresh_token: Secret::new(super::google::refresh_token(name, 0)),
            google_deployer: format!("deployer-{slug}@{PROJECT}.iam.gserviceaccount.com"),
            google_vault: format!("vault-{slug}@{PROJECT}.iam.gserviceaccount.com"),
        }
    }
}
