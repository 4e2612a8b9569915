//! What the store's user may do, as the server says it.

use redis::{Value, cmd};
use sessile_core::store::{Finding, Layout};

/// Returns those of the commands that the user may not run. `KEY` stands for a key of ours, which is
/// the first argument. Servers before Redis 7 cannot be asked.
const ASK: &str = "\
if not redis.acl_check_cmd then return {} end
local denied = {}
for i = 2, #ARGV do
  local words = {}
  for word in string.gmatch(ARGV[i], '%S+') do
    words[#words + 1] = word == 'KEY' and ARGV[1] or word
  end
  if not redis.acl_check_cmd(unpack(words)) then denied[#denied + 1] = ARGV[i] end
end
return denied";

/// What every layout needs.
const ALL: [&str; 8] = [
    "PING",
    "GET KEY",
    "SET KEY x",
    "DEL KEY",
    "EXISTS KEY",
    "PTTL KEY",
    "SCAN 0",
    "EVALSHA 0000000000000000000000000000000000000000 0",
];
const NATIVE: [&str; 9] = [
    "GETRANGE KEY 0 0",
    "SETRANGE KEY 0 x",
    "PERSIST KEY",
    "PEXPIRE KEY 1",
    "HSET KEY x x",
    "HDEL KEY x",
    "HLEN KEY",
    "HKEYS KEY",
    "HSCAN KEY 0",
];
const FOREIGN: [&str; 2] = ["TYPE KEY", "EXPIRE KEY 1"];

/// Whose rights are looked at, and for what.
pub(crate) struct Rights<'a> {
    pub(crate) layout: Layout,
    pub(crate) prefix: &'a str,
    pub(crate) user: &'a str,
    pub(crate) cluster: bool,
    pub(crate) near: bool,
    pub(crate) durable: bool,
}

impl Rights<'_> {
    fn needed(&self) -> Vec<&'static str> {
        let mut needed = ALL.to_vec();
        match self.layout {
            Layout::Native => needed.extend(NATIVE),
            _ => needed.extend(FOREIGN),
        }
        if self.cluster {
            needed.extend(["CLUSTER SLOTS", "ASKING"]);
        }
        if self.cluster && self.layout == Layout::Native {
            needed.push("HGETALL KEY");
        }
        if self.near {
            needed.push("CLIENT TRACKING ON");
        }
        if self.durable {
            needed.push("WAIT 0 1");
        }
        needed
    }

    /// The question.
    pub(crate) fn question(&self) -> redis::Cmd {
        let mut ask = cmd("EVAL");
        ask.arg(ASK).arg(0).arg(format!("{}x", self.prefix)).arg(self.needed());
        ask
    }

    /// What the answer says; `None` if nothing is missing.
    pub(crate) fn finding(&self, answer: &Value) -> Option<Finding> {
        let Value::Array(items) = answer else { return None };
        let denied: Vec<String> = items.iter().filter_map(text).collect();
        self.missing(&denied.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// That not even the question may be asked.
    pub(crate) fn no_scripts(&self) -> Option<Finding> {
        self.missing(&["EVAL", "EVALSHA"])
    }

    fn missing(&self, denied: &[&str]) -> Option<Finding> {
        if denied.is_empty() {
            return None;
        }
        let of_keys = |it: &&str| it.contains("KEY");
        let needed = self.needed();
        let all_of_keys = needed.iter().filter(|it| of_keys(it)).count();
        let mut words = Vec::new();
        if denied.iter().filter(|it| of_keys(it)).count() == all_of_keys {
            // Without a right to the keys no command on them is allowed.
            words.push(format!("~{}*", self.prefix));
        }
        words.extend(denied.iter().map(|it| right(it)));
        let (words, user) = (words.join(" "), self.user);
        Some(Finding::bad("rights", format!("its ACL denies the user {user}: {words}")).advise(
            format!(
                "have an administrator run: ACL SETUSER {user} {words}; \
                 docs/guides/managed-redis.md lists all rights"
            ),
        ))
    }
}

/// The word that gives the right to run a command.
fn right(command: &str) -> String {
    let mut words = command.split(' ');
    let name = words.next().unwrap_or_default().to_lowercase();
    match (name.as_str(), words.next()) {
        ("client" | "cluster", Some(part)) => format!("+{name}|{}", part.to_lowercase()),
        _ => format!("+{name}"),
    }
}

/// An answer that is text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    }
}
