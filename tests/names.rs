//! The threat model names a test for each claim: each of them exists.

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let root = env!("CARGO_MANIFEST_DIR");
    let read = |name: &str| std::fs::read_to_string(format!("{root}/{name}")).unwrap();
    let tests: String = [
        "attacks",
        "carried_over",
        "co_writers",
        "takeover",
        "trust",
        "rules",
        "story",
        "graph",
        "heads",
        "locking_out",
        "pieces",
        "random_graphs",
        "secrets",
        "corpora",
        "properties/anything",
        "properties/limits",
    ]
    .iter()
    .map(|t| read(&format!("tests/{t}.rs")))
    .collect();
    let model = read("docs/threat-model.md");
    let named: Vec<&str> =
        model.split('`').skip(1).step_by(2).filter(|n| n.contains('_') && !n.contains(['/', '.', ':'])).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named.iter().filter(|n| !n.starts_with("ERR_") && !n.starts_with("KEY_")) {
        assert!(tests.contains(&format!("fn {name}(")), "{name}");
    }
}
