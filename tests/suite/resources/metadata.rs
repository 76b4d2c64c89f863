use super::{text, world};
use anyhow::{Result, ensure};
use claviger_tests::api::V1;

#[tokio::test]
async fn what_anybody_may_know() -> Result<()> {
    let world = world().await?;
    let anybody = world.claviger.anybody()?;
    let api = anybody.get("/api/ambient").await?.expect(200)?.json()?;
    assert_eq!(
        (text(&api, "id"), text(&api, "kind"), text(&api, "href")),
        ("ambient", "API", "/api/ambient")
    );
    ensure!(api.get("version").is_some() && api.get("build_time").is_some(), "{api}");
    let v1 = anybody.get(V1).await?.expect(200)?.json()?;
    assert_eq!((text(&v1, "id"), text(&v1, "href")), ("v1", V1));
    let version = anybody.get(&format!("{V1}/version")).await?.expect(200)?.json()?;
    let keys: Vec<&String> = version.as_object().into_iter().flat_map(|object| object.keys()).collect();
    assert_eq!(keys, ["build_time", "git_tag", "version"]);
    let errors = anybody.get(&format!("{V1}/errors")).await?.expect(200)?.json()?;
    for error in errors["items"].as_array().into_iter().flatten() {
        let one = anybody.get(text(error, "href")).await?.expect(200)?.json()?;
        assert_eq!(&one, error);
    }
    anybody.get(&format!("{V1}/errors/999")).await?.expect(404)?;
    for path in ["projects", "users", "sessions", "roles", "credentials", "role_bindings"] {
        anybody.get(&format!("{V1}/{path}")).await?.expect(401)?;
    }
    Ok(())
}

#[tokio::test]
async fn trailing_slashes_and_paths_that_are_none() -> Result<()> {
    let world = world().await?;
    for (with, without) in [
        ("roles/?size=2", "roles?size=2"),
        ("projects/", "projects"),
        ("credentials//", "credentials"),
    ] {
        let with = world.alice.get(&format!("{V1}/{with}")).await?.expect(200)?.json()?;
        assert_eq!(with, world.alice.get(&format!("{V1}/{without}")).await?.expect(200)?.json()?);
    }
    let nothing = world
        .claviger
        .anybody()?
        .get(&format!("{V1}/unicorns/1"))
        .await?
        .expect(404)?
        .json()?;
    assert_eq!((text(&nothing, "type"), text(&nothing, "id")), ("Error", "404"));
    assert_eq!(text(&nothing, "href"), "/api/ambient/v1/errors/404");
    assert_eq!(text(&nothing, "code"), "ambient-api-server-404");
    assert_eq!(
        text(&nothing, "reason"),
        "The requested resource '/api/ambient/v1/unicorns/1' doesn't exist"
    );
    Ok(())
}
