use super::parser::parse;
use super::{Cell, Column, Comparison, DEEPEST, Filter, Invalid, LONGEST, LONGEST_LIST, Literal, Test, Tree, Type};
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq)]
struct Row {
    id: String,
    name: Option<String>,
    size: Option<i64>,
    made_ms: i64,
    on: bool,
}

const COLUMNS: &[Column<Row>] = &[
    Column {
        name: "id",
        holds: Type::Text,
        read: |row| Cell::text(&row.id),
    },
    Column {
        name: "name",
        holds: Type::Text,
        read: |row| Cell::maybe(row.name.as_ref()),
    },
    Column {
        name: "size",
        holds: Type::Number,
        read: |row| row.size.map_or(Cell::Null, Cell::number),
    },
    Column {
        name: "made",
        holds: Type::Time,
        read: |row| Cell::number(row.made_ms),
    },
    Column {
        name: "on",
        holds: Type::Flag,
        read: |row| Cell::flag(row.on),
    },
];

fn row(id: &str, name: Option<&str>, size: Option<i64>) -> Row {
    Row {
        id: id.to_owned(),
        name: name.map(str::to_owned),
        size,
        made_ms: 0,
        on: false,
    }
}

fn rows() -> Vec<Row> {
    vec![
        row("a", Some("github-pat"), Some(1)),
        row("b", Some("it's"), Some(20)),
        row("c", None, None),
        Row {
            on: true,
            made_ms: 86_400_000,
            ..row("d", Some(""), Some(-3))
        },
    ]
}

fn kept(filter: &str) -> Result<String, Invalid> {
    let kept = match Filter::read(filter, "things", COLUMNS)? {
        Some(filter) => filter.keep(rows())?,
        None => rows(),
    };
    Ok(kept.into_iter().map(|row| row.id).collect())
}

#[test]
fn what_clients_send() {
    for (filter, expected) in [
        ("name = 'github-pat'", "a"),
        ("name='github-pat'", "a"),
        ("name like '%hub%'", "a"),
        ("id in ('a','c')", "ac"),
        ("id = 'a' and name = 'github-pat' and size=1", "a"),
        ("", "abcd"),
        ("  ", "abcd"),
    ] {
        assert_eq!(kept(filter).as_deref(), Ok(expected), "{filter}");
    }
}

#[test]
fn the_whole_grammar() {
    for (filter, expected) in [
        ("ID = 'a' or id = 'b'", None),
        ("id != 'a'", Some("bcd")),
        ("id <> 'a'", Some("bcd")),
        ("id<'c'", Some("ab")),
        ("id <= 'c' AND id >'a'", Some("bc")),
        ("id>='c'", Some("cd")),
        ("name = 'it''s'", Some("b")),
        ("name IS NULL", Some("c")),
        ("name is not null", Some("abd")),
        ("name = ''", Some("d")),
        ("name not like 'g%'", Some("bd")),
        ("name like '______-___'", Some("a")),
        ("name like '\\_%'", Some("")),
        ("id not in ('a', 'b')", Some("cd")),
        ("size between 1 and 20", Some("ab")),
        ("size not between 1 and 20", Some("d")),
        ("size > -4 and size < +2", Some("ad")),
        ("size = '20'", Some("b")),
        ("size in (1, 2.5e1, -3)", Some("ad")),
        ("not size = 1", Some("bd")),
        ("not (size = 1 or size = 20)", Some("d")),
        ("NoT nOt id = 'a'", Some("a")),
        ("id = 'a' or id = 'b' and size = 1", Some("a")),
        ("(id = 'a' or id = 'b') and size = 20", Some("b")),
        ("size = 1 or name is null", Some("ac")),
        ("made >= '1970-01-02'", Some("d")),
        ("made < '1970-01-01T12:00:00+01:00'", Some("abc")),
        ("on = true", Some("d")),
        ("on = 'false'", Some("abc")),
        ("things.id = 'a'", Some("a")),
    ] {
        assert_eq!(kept(filter).ok().as_deref(), expected, "{filter}");
    }
}

#[test]
fn what_does_not_read_says_where() {
    for (filter, told) in [
        ("id", "at character 3: a comparison is wanted"),
        ("id =", "at character 5: a text in single quotes or a number is wanted"),
        ("id = a", "at character 6"),
        ("id = 'a", "at character 6: this quote is never closed"),
        ("id = \"a\"", "single quotes"),
        ("(id = 'a'", "`)` is wanted"),
        ("id = 'a')", "at character 9"),
        ("id = 'a' id = 'b'", "at character 10: `and`, `or` or the end is wanted"),
        ("id in ()", "at character 8"),
        ("id in ('a' 'b')", "`,` or `)`"),
        ("id is 'a'", "`null` is wanted"),
        ("id like 5", "a pattern in single quotes"),
        ("id between 'a' or 'b'", "`and` is wanted"),
        ("and", "the name of a column"),
        ("not", "the name of a column"),
        ("id ~= 'a'", "regular expressions"),
        ("id = 'a'; drop", "at character 9"),
        ("size = 1x", "no number"),
        ("size = 1e999", "no number"),
        ("token = 'x'", "there is no column `token`"),
        ("others.id = 'x'", "there is no column `others.id`"),
        ("id = 5", "column `id` is compared with a text"),
        ("size = 'much'", "column `size` is compared with a number"),
        ("size like '1%'", "`like` is for texts"),
        ("made = 5", "a time such as"),
        ("on = 1", "true or false"),
    ] {
        let refused = kept(filter).unwrap_err().to_string();
        assert!(refused.contains(told), "{filter}: {refused}");
    }
}

#[test]
fn depth_length_lists_and_work_are_bounded() {
    let nested = |depth| format!("{}id = 'a'{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(kept(&nested(DEEPEST)).as_deref(), Ok("a"));
    assert_eq!(kept(&nested(DEEPEST + 1)), Err(Invalid::TooDeep));
    assert_eq!(kept(&"not ".repeat(2_000)), Err(Invalid::TooDeep));
    assert_eq!(kept(&" ".repeat(LONGEST + 1)), Err(Invalid::TooLong));
    let list = |length| format!("id in ({})", vec!["'a'"; length].join(","));
    assert_eq!(kept(&list(LONGEST_LIST)).as_deref(), Ok("a"));
    assert_eq!(kept(&list(LONGEST_LIST + 1)), Err(Invalid::TooMany));
    // Side by side is not deep.
    assert_eq!(kept(&vec!["id = 'a'"; 1_000].join(" and ")).as_deref(), Ok("a"));
    let filter = Filter::read(&format!("name like '%{}b%'", "a".repeat(10_000)), "things", COLUMNS).unwrap();
    let long = Row {
        name: Some("a".repeat(1_000_000)),
        ..row("x", None, None)
    };
    assert_eq!(filter.unwrap().keep(vec![long]), Err(Invalid::TooDear));
}

// Against a second, naive reading of the same trees.

fn some_literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        "[a-c']{0,2}".prop_map(Literal::Text),
        (-2_i8..3).prop_map(|n| Literal::Number(n.into()))
    ]
}

fn some_test() -> impl Strategy<Value = Tree> {
    let text = || "[a-c']{0,2}".prop_map(Literal::Text);
    let number = || (-2_i8..3).prop_map(|n| Literal::Number(n.into()));
    let comparison = || {
        prop::sample::select(vec![
            Comparison::Equal,
            Comparison::Unequal,
            Comparison::Less,
            Comparison::AtMost,
            Comparison::More,
            Comparison::AtLeast,
        ])
    };
    let of = |column: &'static str| move |test| Tree::Is(column.to_owned(), test);
    prop_oneof![
        (comparison(), text()).prop_map(|(c, l)| Test::Compare(c, l)).prop_map(of("name")),
        (comparison(), number()).prop_map(|(c, l)| Test::Compare(c, l)).prop_map(of("size")),
        "[a-c%_]{0,4}".prop_map(Test::Like).prop_map(of("name")),
        proptest::collection::vec(text(), 1..4).prop_map(Test::In).prop_map(of("name")),
        proptest::collection::vec(number(), 1..4).prop_map(Test::In).prop_map(of("size")),
        (number(), number()).prop_map(|(l, h)| Test::Between(l, h)).prop_map(of("size")),
        (text(), text()).prop_map(|(l, h)| Test::Between(l, h)).prop_map(of("name")),
        Just(Test::Null).prop_map(of("name")),
        Just(Test::Null).prop_map(of("size")),
    ]
}

fn some_tree() -> impl Strategy<Value = Tree> {
    some_test().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Tree::All),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Tree::Any),
            inner.prop_map(|tree| Tree::Not(Box::new(tree))),
        ]
    })
}

fn some_row() -> impl Strategy<Value = Row> {
    (proptest::option::of("[a-c']{0,2}"), proptest::option::of(-2_i64..3)).prop_map(|(name, size)| row("x", name.as_deref(), size))
}

fn written(tree: &Tree) -> String {
    let literal = |literal: &Literal| match literal {
        Literal::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Literal::Number(number) => number.to_string(),
        Literal::Flag(flag) => flag.to_string(),
    };
    let chain = |branches: &[Tree], word: &str| branches.iter().map(|b| format!("({})", written(b))).collect::<Vec<_>>().join(word);
    match tree {
        Tree::All(branches) => chain(branches, " and "),
        Tree::Any(branches) => chain(branches, " OR "),
        Tree::Not(inner) => format!("not ({})", written(inner)),
        Tree::Is(column, test) => match test {
            Test::Null => format!("{column} is null"),
            Test::Like(pattern) => format!("{column} like '{pattern}'"),
            Test::In(list) => format!("{column} in ({})", list.iter().map(literal).collect::<Vec<_>>().join(",")),
            Test::Between(low, high) => format!("{column} between {} and {}", literal(low), literal(high)),
            Test::Compare(comparison, value) => {
                let sign = match comparison {
                    Comparison::Equal => "=",
                    Comparison::Unequal => "<>",
                    Comparison::Less => "<",
                    Comparison::AtMost => "<=",
                    Comparison::More => ">",
                    Comparison::AtLeast => ">=",
                };
                format!("{column}{sign}{}", literal(value))
            }
        },
    }
}

/// `None` is SQL's "unknown".
fn naive(tree: &Tree, row: &Row) -> Option<bool> {
    match tree {
        Tree::All(branches) => {
            let all: Vec<_> = branches.iter().map(|b| naive(b, row)).collect();
            if all.contains(&Some(false)) {
                Some(false)
            } else if all.contains(&None) {
                None
            } else {
                Some(true)
            }
        }
        Tree::Any(branches) => {
            let all: Vec<_> = branches.iter().map(|b| naive(b, row)).collect();
            if all.contains(&Some(true)) {
                Some(true)
            } else if all.contains(&None) {
                None
            } else {
                Some(false)
            }
        }
        Tree::Not(inner) => naive(inner, row).map(|holds| !holds),
        Tree::Is(column, test) => {
            let value = if column == "name" {
                row.name.clone().map(Literal::Text)
            } else {
                row.size.map(|size| Literal::Number(size as f64))
            };
            if *test == Test::Null {
                return Some(value.is_none());
            }
            let value = value?;
            let order = |other: &Literal| match (&value, other) {
                (Literal::Text(a), Literal::Text(b)) => a.cmp(b),
                (Literal::Number(a), Literal::Number(b)) => a.partial_cmp(b).unwrap(),
                _ => panic!("types are mixed"),
            };
            Some(match test {
                Test::Null => false,
                Test::Like(pattern) => {
                    let regex = format!("(?s)^{}$", pattern.replace('%', ".*").replace('_', "."));
                    let Literal::Text(text) = &value else { panic!("like on a number") };
                    regex::Regex::new(&regex).unwrap().is_match(text)
                }
                Test::In(list) => list.iter().any(|one| order(one).is_eq()),
                Test::Between(low, high) => order(low).is_ge() && order(high).is_le(),
                Test::Compare(comparison, other) => match comparison {
                    Comparison::Equal => order(other).is_eq(),
                    Comparison::Unequal => !order(other).is_eq(),
                    Comparison::Less => order(other).is_lt(),
                    Comparison::AtMost => !order(other).is_gt(),
                    Comparison::More => order(other).is_gt(),
                    Comparison::AtLeast => !order(other).is_lt(),
                },
            })
        }
    }
}

proptest! {
    #[test]
    fn the_filter_agrees_with_a_naive_reading(tree in some_tree(), rows in proptest::collection::vec(some_row(), 0..8)) {
        let text = written(&tree);
        let filter = Filter::read(&text, "things", COLUMNS).unwrap().unwrap();
        let expected: Vec<Row> = rows.iter().filter(|row| naive(&tree, row) == Some(true)).cloned().collect();
        prop_assert_eq!(filter.keep(rows).unwrap(), expected, "{}", text);
    }

    #[test]
    fn nothing_that_is_typed_panics(text in "\\PC{0,80}", literal in some_literal()) {
        let _ = parse(&text);
        let _ = kept(&format!("id = 'a' {text}"));
        let _ = kept(&format!("id = {literal:?} {text}"));
    }

    #[test]
    fn pieces_of_the_language_in_any_order_never_panic_and_keep_no_more_than_there_is(
        words in proptest::collection::vec(prop::sample::select(vec![
            "id", "name", "size", "things.id", "token", "and", "or", "not", "in", "like", "between", "is", "null", "(", ")", ",", "=", "<>", "<", "'a'",
            "'%'", "''", "5", "-1", "true", "--", ";", "/*", "'", "\\",
        ]), 0..25)
    ) {
        let filter = words.join(" ");
        if let Ok(Some(filter)) = Filter::read(&filter, "things", COLUMNS) {
            let visible = rows();
            for row in filter.keep(visible.clone()).unwrap() {
                prop_assert!(visible.contains(&row));
            }
        }
    }
}
