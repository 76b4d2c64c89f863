//! What `pg_dump` writes, and what somebody might put into a row so that it is taken for more.

use super::*;

fn of(text: &str) -> Result<BTreeMap<String, Table>, DumpError> {
    read(text.as_bytes(), "public", &["users", "roles"])
}

fn users(text: &str) -> Vec<(String, Option<String>)> {
    let tables = of(text).unwrap();
    let rows = tables["users"].rows();
    rows.map(|row| (row.get("username").unwrap().to_owned(), row.get("name").map(str::to_owned)))
        .collect()
}

fn pair(username: &str, name: Option<&str>) -> (String, Option<String>) {
    (username.to_owned(), name.map(str::to_owned))
}

#[test]
fn copies_are_read_by_their_columns() {
    let text = "--\n-- a dump; with 'quotes\n\\restrict abc\nSET standard_conforming_strings = on;\n\
        COPY public.\"users\" (extra, name, username) FROM stdin;\nx\tA\\tB\\n\\\\C\\101\talice\nx\t\\N\tbob\n\\.\n\
        COPY other.users (username, name) FROM stdin;\nmallory\tM\n\\.\n\
        COPY public.sessions (id) FROM stdin;\nCOPY public.users (username, name) FROM stdin;\n\\.\n\\unrestrict abc\n";
    assert_eq!(users(text), [pair("alice", Some("A\tB\n\\CA")), pair("bob", None)]);
}

#[test]
fn inserts_are_read_with_and_without_columns() {
    let table = "CREATE TABLE public.users (\n    username character varying(10) DEFAULT 'a,b'::text NOT NULL,\n    \"name\" text,\n    n numeric(3,1),\n    CONSTRAINT c CHECK ((n > (0)::numeric))\n);\n";
    let text = format!(
        "{table}INSERT INTO public.users VALUES ('alice', 'it''s; a\nline -- no comment', -1.5);\n\
         INSERT INTO public.users VALUES ('bob', NULL, 2), ('carol', E'a\\'b\\n', NULL) ON CONFLICT DO NOTHING;\n\
         INSERT INTO users (username, name, n) OVERRIDING SYSTEM VALUE VALUES ('dan', '{{}}'::jsonb, true);\n\
         INSERT INTO public.other VALUES (weird stuff);\n"
    );
    let found = users(&text);
    let expected = [
        pair("alice", Some("it's; a\nline -- no comment")),
        pair("bob", None),
        pair("carol", Some("a'b\n")),
        pair("dan", Some("{}")),
    ];
    assert_eq!(found, expected);
}

#[test]
fn text_that_looks_like_a_statement_is_text() {
    let fake = "\nINSERT INTO public.users (username, name) VALUES ('mallory', 'x');\nCOPY public.users (username, name) FROM stdin;\nmallory\tx\n\\.\n";
    let quoted = fake.replace('\'', "''");
    for text in [
        format!("COMMENT ON TABLE public.users IS '{quoted}';\n"),
        format!("CREATE FUNCTION f() RETURNS void AS $body${fake}$$ $bod$ $body$ LANGUAGE sql;\n"),
        format!("CREATE FUNCTION f() RETURNS void AS $${fake}$$ LANGUAGE sql;\n"),
        format!("/* {fake} /* {fake} */ {fake} */ SELECT 1;\n"),
        format!("CREATE TABLE public.x (\"{fake}\" text);\n"),
        format!("INSERT INTO public.messages (payload) VALUES ('{quoted}');\n"),
        format!("SELECT E'\\'{quoted}\\\\';\n"),
        format!("SELECT '\\', '{quoted}';\n"),
    ] {
        assert_eq!(users(&text), [], "{text}");
    }
}

#[test]
fn what_is_no_dump_is_told_by_its_line_without_its_content() {
    for (text, word) in [
        ("", "is it a dump"),
        ("-- nothing\n", "is it a dump"),
        ("PGDMP\x01\x02secret", "pg_restore"),
        ("SELECT 'secret", "whole"),
        ("SELECT $a$ secret $b$;\n", "whole"),
        ("COPY public.users (username) FROM stdin;\nsecret\n", "whole"),
        (
            "COPY public.users (username, name) FROM stdin;\nsecret\n\\.\n",
            "line 2 has 1 values for the 2 columns",
        ),
        ("COPY public.users (username) FROM stdin;\nsecret\\\n\\.\n", "does not read"),
        ("COPY public.users (username) FROM stdin;\nsecret\\377\n\\.\n", "does not read"),
        ("COPY public.users (username, username) FROM stdin;\n\\.\n", "no table has"),
        ("COPY public.users FROM stdin;\n\\.\n", "without naming"),
        ("COPY public.users (username) FROM '/etc/passwd';\n", "not one of"),
        ("INSERT INTO public.users (username) SELECT 'secret';\n", "not one of"),
        ("INSERT INTO public.users (username) VALUES (lower('secret'));\n", "not one of"),
        (
            "INSERT INTO public.users (username) VALUES ('a'); DROP TABLE secret;\n",
            "two statements",
        ),
        ("SET standard_conforming_strings = off;\n", "standard_conforming_strings"),
    ] {
        let why = of(text).unwrap_err().to_string();
        assert!(why.contains(word) && !why.contains("secret"), "{text}: {why}");
    }
    assert!(
        read(&b"SELECT '\xff';\n"[..], "public", &[])
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
}

proptest::proptest! {
    #[test]
    fn nothing_makes_it_panic(text in "(COPY|INSERT INTO|CREATE TABLE|VALUES|public|users|FROM stdin|[ ;'\"$\\\\(),.\n\tE:/*a-c-]){0,60}") {
        let _ = of(&text);
    }

    #[test]
    fn any_text_comes_back_from_an_insert(name in "[^\0]{0,40}") {
        let text = format!("INSERT INTO public.users (username, name) VALUES ('a', '{}');\n", name.replace('\'', "''"));
        // A line ends with `\n` alone or with `\r\n`: PostgreSQL's own reading of a file.
        proptest::prop_assert_eq!(users(&text), vec![("a".to_owned(), Some(name.replace("\r\n", "\n")))]);
    }
}
