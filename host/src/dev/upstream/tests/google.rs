//! Service accounts.

use super::*;

#[tokio::test]
async fn a_service_account_acts_for_itself_or_for_a_person_of_the_domain() {
    let it = running().await;
    let own = it.google(it.google_claims(0), &google_key()).await;
    assert_eq!(
        (own.json()["expires_in"].as_i64(), own.at("/scope")),
        (Some(3599), "openid email".into())
    );
    assert!(own.at("/access_token").starts_with("ya29.c.alice-1-"));
    assert_eq!(
        it.bearer("/google/userinfo", &own.at("/access_token")).await.at("/email"),
        "alice@example.org"
    );
    let acting = it.google(with(it.google_claims(0), "sub", "bob@example.org"), &google_key()).await;
    assert!(acting.at("/access_token").contains("bob-2-"));
    let revoked = it.form("/google/revoke", &[("token", &own.at("/access_token"))]).await;
    assert_eq!((revoked.status, revoked.at("/error").as_str()), (400, "unsupported_token_type"));
    assert_eq!(it.form("/google/revoke", &[("token", "x")]).await.at("/error"), "invalid_token");
}

#[tokio::test]
async fn assertions_are_refused_in_googles_words() {
    let it = running().await;
    let claims = it.google_claims(0);
    let clock = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
    let delegation =
        "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";
    for (claims, key, status, error, text) in [
        (claims.clone(), pkcs8(STRANGER), 400, "invalid_grant", "Invalid JWT Signature."),
        (
            with(claims.clone(), "aud", "https://elsewhere.test"),
            google_key(),
            400,
            "invalid_grant",
            "Invalid JWT: Failed audience check.",
        ),
        (with(claims.clone(), "exp", NOW + 7200), google_key(), 400, "invalid_grant", clock),
        (with(claims.clone(), "iat", NOW + 120), google_key(), 400, "invalid_grant", clock),
        (
            with(with(claims.clone(), "iat", NOW - 7200), "exp", NOW - 3600),
            google_key(),
            400,
            "invalid_grant",
            clock,
        ),
        (
            with(claims.clone(), "iss", "nobody@x.test"),
            google_key(),
            400,
            "invalid_grant",
            "Invalid grant: account not found",
        ),
        (
            with(claims.clone(), "scope", ""),
            google_key(),
            400,
            "invalid_scope",
            "Invalid OAuth scope or ID token audience provided.",
        ),
        (
            with(claims.clone(), "sub", "mallory@example.org"),
            google_key(),
            400,
            "invalid_grant",
            "Invalid email or User ID",
        ),
        (
            with(
                with(claims.clone(), "sub", "bob@example.org"),
                "scope",
                "https://www.googleapis.com/auth/cloud-platform",
            ),
            google_key(),
            401,
            "unauthorized_client",
            delegation,
        ),
    ] {
        let got = it.google(claims.clone(), &key).await;
        assert_eq!(
            (got.status, got.at("/error").as_str(), got.at("/error_description").as_str()),
            (status, error, text),
            "{claims}"
        );
    }
}
