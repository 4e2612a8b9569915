//! The bank's books: two branches, one with its forms protected, one without.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sessile::Timestamp;

/// What everybody begins with, in euros.
pub(crate) const BEGINNING: u64 = 1000;

/// Accounts are no more than this; one more closes the first by name that is not needed.
const ACCOUNTS: usize = 500;

/// An account remembers this many entries.
const ENTRIES: usize = 12;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Branch {
    /// Its form asks for a token, and takes nothing from other sites.
    Guarded,
    /// Its form takes whatever arrives.
    Open,
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) what: What,
    /// Who sent the request, in words.
    pub(crate) by: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Sent {
        to: String,
        amount: u64,
    },
    Received {
        from: String,
        amount: u64,
    },
    /// A transfer that was not made, and why.
    Refused {
        why: String,
    },
}

struct Account {
    balance: u64,
    /// Newest first.
    entries: VecDeque<Entry>,
}

impl Account {
    fn note(&mut self, entry: Entry) {
        self.entries.push_front(entry);
        self.entries.truncate(ENTRIES);
    }
}

type Accounts = BTreeMap<String, Account>;

/// Everybody's play money, for as long as the process runs.
#[derive(Default)]
pub(crate) struct Bank {
    guarded: Mutex<Accounts>,
    open: Mutex<Accounts>,
}

/// Why no money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// The account holds less.
    TooMuch,
    /// From oneself to oneself.
    ToOneself,
}

impl Bank {
    /// Every change is whole before the lock is let go.
    fn accounts(&self, branch: Branch) -> MutexGuard<'_, Accounts> {
        let accounts = match branch {
            Branch::Guarded => &self.guarded,
            Branch::Open => &self.open,
        };
        accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Balance and statement, newest first.
    pub(crate) fn statement(&self, branch: Branch, user: &str) -> (u64, Vec<Entry>) {
        let accounts = self.accounts(branch);
        accounts.get(user).map_or((BEGINNING, Vec::new()), |account| {
            (account.balance, account.entries.iter().cloned().collect())
        })
    }

    /// What an account holds beyond its beginning.
    pub(crate) fn taken(&self, branch: Branch, user: &str) -> u64 {
        self.statement(branch, user).0.saturating_sub(BEGINNING)
    }

    /// Moves money from one account to another.
    pub(crate) fn send(
        &self,
        branch: Branch,
        (from, to): (&str, &str),
        amount: u64,
        by: &str,
        at: Timestamp,
    ) -> Result<(), NotSent> {
        if from == to {
            return Err(NotSent::ToOneself);
        }
        let mut accounts = self.accounts(branch);
        let account = account(&mut accounts, from, to);
        account.balance = account.balance.checked_sub(amount).ok_or(NotSent::TooMuch)?;
        let (by, to_name) = (by.to_owned(), to.to_owned());
        account.note(Entry { at, what: What::Sent { to: to_name, amount }, by: by.clone() });
        let other = self::account(&mut accounts, to, from);
        other.balance = other.balance.saturating_add(amount);
        other.note(Entry { at, what: What::Received { from: from.to_owned(), amount }, by });
        Ok(())
    }

    /// Writes down that a transfer was not made.
    pub(crate) fn refuse(&self, branch: Branch, user: &str, why: &str, by: &str, at: Timestamp) {
        let entry = Entry { at, what: What::Refused { why: why.to_owned() }, by: by.to_owned() };
        account(&mut self.accounts(branch), user, user).note(entry);
    }

    /// Forgets one user's account.
    pub(crate) fn begin_again(&self, branch: Branch, user: &str) {
        self.accounts(branch).remove(user);
    }
}

/// The account of `user`, opened when it is not there. `other` stays open.
fn account<'a>(accounts: &'a mut Accounts, user: &str, other: &str) -> &'a mut Account {
    if !accounts.contains_key(user) && accounts.len() >= ACCOUNTS {
        let unneeded = accounts.keys().find(|name| *name != other).cloned();
        unneeded.and_then(|name| accounts.remove(&name));
    }
    let fresh = || Account { balance: BEGINNING, entries: VecDeque::new() };
    accounts.entry(user.to_owned()).or_insert_with(fresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(0);

    #[test]
    fn money_moves_whole_and_no_branch_knows_the_other() {
        let bank = Bank::default();
        let send = |names, amount| bank.send(Branch::Open, names, amount, "a test", NOW);
        assert_eq!(send(("ada", "grace"), 400), Ok(()));
        assert_eq!(send(("ada", "grace"), 601), Err(NotSent::TooMuch));
        assert_eq!(send(("ada", "ada"), 1), Err(NotSent::ToOneself));
        assert_eq!(bank.statement(Branch::Open, "ada").0, 600);
        assert_eq!(bank.statement(Branch::Open, "grace").0, 1400);
        assert_eq!(bank.statement(Branch::Guarded, "ada"), (BEGINNING, Vec::new()));
        bank.begin_again(Branch::Open, "ada");
        assert_eq!(bank.statement(Branch::Open, "ada"), (BEGINNING, Vec::new()));
    }

    #[test]
    fn accounts_and_statements_do_not_grow_for_ever() {
        let bank = Bank::default();
        for n in 0..2 * ACCOUNTS {
            bank.send(Branch::Open, (&format!("{n}"), "mallory"), 1, "a test", NOW).unwrap();
        }
        assert_eq!(bank.accounts(Branch::Open).len(), ACCOUNTS);
        let (_, entries) = bank.statement(Branch::Open, "mallory");
        assert_eq!(entries.len(), ENTRIES);
    }
}
