use super::{agent, ids, member, refused, text, world};
use anyhow::{Result, ensure};
use claviger_tests::api::{V1, bind, create, role};
use serde_json::json;

#[tokio::test]
async fn a_session_from_its_making_to_its_end() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    let body = json!({ "name": "talk", "project_id": "alpha", "environment_variables": "{\"A\":\"1\"}" });
    let sessions = format!("{V1}/sessions");
    let made = world.alice.post(&sessions, &body).await?.expect(201)?.json()?;
    let id = text(&made, "id").to_owned();
    assert_eq!(
        (text(&made, "phase"), text(&made, "created_by_user_id"), text(&made, "kube_cr_name")),
        ("Pending", "alice", id.as_str())
    );
    assert_eq!(text(&made, "environment_variables"), "{\"A\":\"1\"}");
    let path = format!("{sessions}/{id}");
    for (client, status) in [(&world.bob, 404), (&world.carol, 404), (&world.alice, 200)] {
        client.get(&path).await?.expect(status)?;
    }
    refused(world.bob.post(&format!("{path}/start"), &json!({})).await?, 403, "Forbidden")?;
    refused(world.bob.delete(&path).await?, 403, "Forbidden")?;
    refused(world.bob.post(&sessions, &body).await?, 403, "Forbidden")?;

    let status = |phase: &'static str| json!({ "phase": phase });
    let status_path = format!("{path}/status");
    world.alice.patch(&status_path, &status("Running")).await?.expect(409)?;
    world.alice.post(&format!("{path}/stop"), &json!({})).await?.expect(200)?;
    let started = world.alice.post(&format!("{path}/start"), &json!({})).await?;
    assert_eq!(started.status, 409, "it is still stopping: {}", started.text);
    world.service.patch(&status_path, &status("Stopped")).await?.expect(200)?;
    let started = world.alice.post(&format!("{path}/start"), &json!({})).await?.expect(200)?.json()?;
    assert_eq!(text(&started, "phase"), "Creating");
    let again = world.alice.post(&format!("{path}/start"), &json!({})).await?.expect(200)?.json()?;
    assert_eq!(
        (text(&again, "phase"), &again["environment"]),
        ("Creating", &started["environment"])
    );
    let running = world.service.patch(&status_path, &status("Running")).await?.expect(200)?.json()?;
    assert_eq!(text(&running, "phase"), "Running");
    world.alice.post(&format!("{path}/start"), &json!({})).await?.expect(409)?;
    world.service.patch(&status_path, &status("Flying")).await?.expect(400)?;

    let renamed = world
        .alice
        .patch(&path, &json!({ "name": "renamed", "phase": "Failed" }))
        .await?
        .expect(200)?
        .json()?;
    assert_eq!((text(&renamed, "name"), text(&renamed, "phase")), ("renamed", "Running"));
    let clone = world.alice.post(&format!("{path}/clone"), &json!({})).await?.expect(201)?.json()?;
    assert_eq!((text(&clone, "phase"), text(&clone, "name")), ("Pending", "renamed"));
    assert_eq!(text(&clone, "environment_variables"), "{\"A\":\"1\"}");
    refused(world.bob.post(&format!("{path}/clone"), &json!({})).await?, 403, "Forbidden")?;
    assert_eq!(ids(&world.alice, "sessions?project_id=alpha").await?.len(), 2);
    let of_header = world.alice.with_header("x-ambient-project", "alpha");
    assert_eq!(ids(&of_header, "sessions?search=phase='Pending'").await?, [text(&clone, "id")]);
    let by_header = of_header.post(&sessions, &json!({ "name": "third" })).await?.expect(201)?.json()?;
    assert_eq!(text(&by_header, "project_id"), "alpha");
    world.alice.delete(&path).await?.expect(204)?;
    world.alice.get(&path).await?.expect(404)?;
    Ok(())
}

/// What a session is granted at its start is what resolves then, and it ends with it.
#[tokio::test]
async fn a_start_grants_what_resolves_and_an_end_takes_it_away() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    let id = create(
        &world.alice,
        &json!({ "name": "of-alpha", "provider": "linear", "token": "lin_alpha" }),
    )
    .await?;
    bind(&world.alice, &id, "credential:viewer", "alpha", "alice").await?.expect(201)?;
    let body = json!({ "name": "talk", "project_id": "alpha" });
    let session = world
        .alice
        .post(&format!("{V1}/sessions"), &body)
        .await?
        .expect(201)?
        .text_at("/id")?;
    let path = format!("{V1}/sessions/{session}");
    let grants = format!("role_bindings?search=scope = 'credential' and session_id = '{session}'");
    assert_eq!(ids(&world.alice, &grants).await?, Vec::<String>::new());
    world.alice.post(&format!("{path}/start"), &json!({})).await?.expect(200)?;
    assert_eq!(ids(&world.alice, &grants).await?.len(), 1);
    world
        .service
        .patch(&format!("{path}/status"), &json!({ "phase": "Completed" }))
        .await?
        .expect(200)?;
    assert_eq!(ids(&world.alice, &grants).await?, Vec::<String>::new());
    // Hole 9.2-6: while it was granted it was nobody else's default.
    world.alice.post(&format!("{path}/start"), &json!({})).await?.expect(200)?;
    world.project(&world.bob, "beta").await?;
    let beta = world
        .bob
        .get(&format!("{V1}/projects/beta/explain?provider=linear"))
        .await?
        .expect(200)?
        .json()?;
    assert_eq!(beta["resolution"]["credential_id"], json!(null), "{beta}");
    Ok(())
}

#[tokio::test]
async fn agents_of_a_session_are_the_projects_own() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    world.project(&world.bob, "beta").await?;
    let foreign = agent(&world.bob, "beta").await?;
    for agent in [text(&foreign, "id"), "no-such-agent"] {
        let body = json!({ "name": "x", "project_id": "alpha", "agent_id": agent });
        let answer = world.alice.post(&format!("{V1}/sessions"), &body).await?;
        refused(answer, 403, "agent does not belong to this project")?;
    }
    // A session-scoped binding on somebody else's session is refused like one on nothing.
    let session = world
        .bob
        .post(&format!("{V1}/sessions"), &json!({ "name": "x", "project_id": "beta" }))
        .await?
        .expect(201)?;
    let role = role(&world.alice, "agent:observer").await?;
    let mut reasons = Vec::new();
    for session in [session.text_at("/id")?, "no-such-session".to_owned()] {
        let body = json!({ "role_id": role, "scope": "session", "session_id": session, "user_id": "alice" });
        reasons.push(
            world
                .alice
                .post(&format!("{V1}/role_bindings"), &body)
                .await?
                .expect(403)?
                .text_at("/reason")?,
        );
    }
    ensure!(reasons[0] == reasons[1], "{reasons:?}");
    member(&world.alice, "alpha", "project:viewer", "bob").await?.expect(201)?;
    assert_eq!(ids(&world.bob, "sessions?project_id=alpha").await?, Vec::<String>::new());
    Ok(())
}

/// 63: a session's conversation is kept elsewhere. Nobody is refused it: there is nothing at these paths, and everybody is told so in the same words.
#[tokio::test]
async fn a_sessions_conversation_is_not_here_and_nobody_is_refused_it() -> Result<()> {
    let world = world().await?;
    world.project(&world.alice, "alpha").await?;
    let body = json!({ "name": "talk", "project_id": "alpha" });
    let session = world
        .alice
        .post(&format!("{V1}/sessions"), &body)
        .await?
        .expect(201)?
        .text_at("/id")?;
    for path in ["messages", "messages?after_seq=1", "events", "pod-events", "export"] {
        let path = format!("{V1}/sessions/{session}/{path}");
        let bare = path.split('?').next().unwrap_or_default();
        let reason = format!("The requested resource '{bare}' doesn't exist");
        for client in [&world.alice, &world.carol, &world.service] {
            refused(client.get(&path).await?, 404, &reason)?;
        }
    }
    let message = json!({ "event_type": "user", "payload": "hello" });
    let messages = format!("{V1}/sessions/{session}/messages");
    let answer = world.alice.post(&messages, &message).await?;
    refused(answer, 404, &format!("The requested resource '{messages}' doesn't exist"))
}
