//! Every statement over records, names and parts. They keep to what SQLite and PostgreSQL, and engines that speak its
//! protocol, understand alike: a test below says what that is. Where the two differ, it is a [`Dialect`].

/// Which engine a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Whether a column is one of the texts that a parameter holds.
    fn among(self, column: &str, parameter: usize) -> String {
        match self {
            Self::Sqlite => format!("{column} IN (SELECT value FROM json_each(${parameter}))"),
            Self::Postgres => format!("{column} = ANY(${parameter})"),
        }
    }

    /// Records by their keys. `$1`: tenant, `$2`: keys.
    pub(crate) fn records(self) -> String {
        format!("SELECT key, rev, value FROM record WHERE tenant = $1 AND {}", self.among("key", 2))
    }

    /// Their revisions.
    pub(crate) fn revisions(self) -> String {
        format!("SELECT key, rev FROM record WHERE tenant = $1 AND {}", self.among("key", 2))
    }

    /// Takes records away. `$1`: tenant, `$2`: keys.
    pub(crate) fn delete_records(self) -> String {
        format!("DELETE FROM record WHERE tenant = $1 AND {}", self.among("key", 2))
    }

    /// Takes the names of records away. `$1`: tenant, `$2`: keys.
    pub(crate) fn delete_names(self) -> String {
        format!("DELETE FROM name WHERE tenant = $1 AND {}", self.among("key", 2))
    }

    /// The names of records. `$1`: tenant, `$2`: keys.
    pub(crate) fn names_of(self) -> String {
        format!("SELECT name, key FROM name WHERE tenant = $1 AND {}", self.among("key", 2))
    }

    /// Parts of a file. `$1`: tenant, `$2`: item, `$3`: names.
    pub(crate) fn parts(self) -> String {
        format!("SELECT name, bytes FROM part WHERE tenant = $1 AND item = $2 AND {}", self.among("name", 3))
    }
}

/// What one of several lists gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Records by key.
    Keys { values: bool },
    /// Records by name.
    Names { values: bool },
}

/// One of several lists, each with a lower bound, an upper bound and a limit as its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub(crate) rows: Rows,
    /// Whether the lower bound itself is left out.
    pub(crate) above: bool,
}

/// How many parameters each list has.
pub(crate) const LIST_PARAMETERS: usize = 3;

/// Several lists at once: the list's number, name, key, revision and value. `$1`: tenant; then for each list its bounds
/// and its limit. In whatever order.
pub(crate) fn lists(lists: &[List]) -> String {
    let one = |(at, list): (usize, &List)| {
        let (low, high, limit) = (2 + LIST_PARAMETERS * at, 3 + LIST_PARAMETERS * at, 4 + LIST_PARAMETERS * at);
        let from = if list.above { ">" } else { ">=" };
        let value = |values, column| if values { column } else { "''" };
        let number = format!("CAST({at} AS BIGINT) AS list");
        let rows = match list.rows {
            Rows::Keys { values } => format!(
                "SELECT {number}, key AS name, key, rev, {} AS value FROM record \
                 WHERE tenant = $1 AND key {from} ${low} AND key < ${high} ORDER BY key LIMIT ${limit}",
                value(values, "value"),
            ),
            Rows::Names { values } => format!(
                "SELECT {number}, name.name AS name, name.key AS key, record.rev AS rev, {} AS value FROM name \
                 JOIN record ON record.tenant = name.tenant AND record.key = name.key \
                 WHERE name.tenant = $1 AND name.name {from} ${low} AND name.name < ${high} \
                 ORDER BY name.name LIMIT ${limit}",
                value(values, "record.value"),
            ),
        };
        format!("SELECT * FROM ({rows}) AS list_{at}")
    };
    lists.iter().enumerate().map(one).collect::<Vec<_>>().join(" UNION ALL ")
}

/// Rows of parameters, the tenant first in each: `($1, $2, $3), ($1, $4, $5)`.
fn rows(count: usize, columns: usize) -> String {
    let row = |at: usize| {
        let parameters: Vec<String> = (0..columns).map(|n| format!("${}", 2 + at * columns + n)).collect();
        format!("($1, {})", parameters.join(", "))
    };
    (0..count).map(row).collect::<Vec<_>>().join(", ")
}

/// Writes so many records: key, revision and value of each.
pub(crate) fn put_records(count: usize) -> String {
    format!(
        "INSERT INTO record (tenant, key, rev, value) VALUES {} \
         ON CONFLICT (tenant, key) DO UPDATE SET rev = excluded.rev, value = excluded.value",
        rows(count, 3)
    )
}

/// Writes so many names: name and key of each.
pub(crate) fn put_names(count: usize) -> String {
    format!(
        "INSERT INTO name (tenant, name, key) VALUES {} ON CONFLICT (tenant, name) DO UPDATE SET key = excluded.key",
        rows(count, 2)
    )
}

/// Writes a part of a file. `$2`: item, `$3`: name, `$4`: bytes.
pub(crate) const PUT_PART: &str = "INSERT INTO part (tenant, item, name, bytes) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (tenant, item, name) DO UPDATE SET bytes = excluded.bytes";

/// How many parts of a file there are. `$2`: item.
pub(crate) const COUNT_PARTS: &str = "SELECT COUNT(*) FROM part WHERE tenant = $1 AND item = $2";

/// Drops all parts of a file. `$2`: item.
pub(crate) const DROP_PARTS: &str = "DELETE FROM part WHERE tenant = $1 AND item = $2";

/// The number of a tenant's last write.
pub(crate) const HEAD: &str = "SELECT rev FROM tenant WHERE tenant = $1";

/// Takes so many numbers, and keeps others of the tenant from writing until that is done.
pub(crate) const TAKE_NUMBERS: &str = "UPDATE tenant SET rev = rev + $2 WHERE tenant = $1 RETURNING rev";

/// A tenant.
pub(crate) const TENANT: &str = "SELECT name, settings FROM tenant WHERE tenant = $1";

/// All tenants.
pub(crate) const TENANTS: &str = "SELECT name, settings FROM tenant ORDER BY name";

/// A tenant's public keys.
pub(crate) const TENANT_KEYS: &str = "SELECT kid, public_key FROM tenant_key WHERE tenant = $1 ORDER BY kid";

/// A new tenant, unless it is there. `$2`: name, `$3`: settings.
pub(crate) const ADD_TENANT: &str = "INSERT INTO tenant (tenant, name, settings, rev) VALUES ($1, $2, $3, 0) \
     ON CONFLICT (tenant) DO NOTHING";

/// Other settings of a tenant.
pub(crate) const SET_SETTINGS: &str = "UPDATE tenant SET settings = $2 WHERE tenant = $1";

/// Another public key of a tenant. `$2`: its id, `$3`: the key.
pub(crate) const ADD_TENANT_KEY: &str = "INSERT INTO tenant_key (tenant, kid, public_key) VALUES ($1, $2, $3) \
     ON CONFLICT (tenant, kid) DO NOTHING";

/// Keys of records that are not there, and that names lead to.
pub(crate) const LOST_NAMES: &str = "SELECT DISTINCT name.key FROM name WHERE name.tenant = $1 AND NOT EXISTS \
     (SELECT 1 FROM record WHERE record.tenant = name.tenant AND record.key = name.key)";

/// Where nodes tell each other what changed.
pub(crate) const CHANNEL: &str = "regrant";

/// Tells other nodes something. It may be lost: engines that lack it lack nothing else.
pub(crate) const NOTIFY: &str = "SELECT pg_notify($1, $2)";

/// Every statement there is, for the test of what they may use.
#[cfg(test)]
pub(crate) fn all(dialect: Dialect) -> Vec<String> {
    let shapes = [false, true].map(|values| [Rows::Keys { values }, Rows::Names { values }]).concat();
    let shapes: Vec<List> =
        shapes.into_iter().flat_map(|rows| [true, false].map(|above| List { rows, above })).collect();
    let mut all = vec![
        dialect.records(),
        dialect.revisions(),
        dialect.delete_records(),
        dialect.delete_names(),
        dialect.names_of(),
        dialect.parts(),
        lists(&shapes),
        put_records(2),
        put_names(2),
    ];
    let constant = [
        PUT_PART,
        COUNT_PARTS,
        DROP_PARTS,
        HEAD,
        TAKE_NUMBERS,
        TENANT,
        TENANTS,
        TENANT_KEYS,
        ADD_TENANT,
        SET_SETTINGS,
        ADD_TENANT_KEY,
        LOST_NAMES,
    ];
    all.extend(constant.map(str::to_owned));
    all
}
