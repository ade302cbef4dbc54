//! Users, names, logins and tickets.

use super::Subject;

/// What was made is what is found.
pub async fn a_user_is_found_by_id_and_by_uid(subject: Subject) {
    let ann = subject.user("ann").await;
    assert_eq!(subject.accounts.user(ann.id).await.unwrap(), Some(ann.clone()));
    assert_eq!(subject.accounts.user_by_uid(&ann.uid).await.unwrap(), Some(ann));
}
