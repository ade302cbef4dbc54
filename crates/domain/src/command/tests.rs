//! What is typed, and what it is read as.

use super::*;

#[track_caller]
fn command(line: &str, expected: Command) {
    match Input::parse(line) {
        Ok(Input::Command(_, command)) => assert_eq!(command, expected, "{line}"),
        other => panic!("{line} gave {other:?}"),
    }
}

#[track_caller]
fn refused(line: &str, part: &str) {
    match Input::parse(line) {
        Err(error) => assert!(error.to_string().contains(part), "{line}: {error}"),
        Ok(input) => panic!("{line} gave {input:?}"),
    }
}

fn reason(text: &str) -> Reason {
    Reason::parse(text).unwrap()
}

#[test]
fn what_is_no_command_is_text() {
    for text in ["hello", "", "/", "!", "//x", "/ ban ann", "!!", "/1", "! no", "a /ban b", "¡ban"] {
        assert_eq!(Input::parse(text), Ok(Input::Message(MessageKind::Say, text)), "{text}");
    }
}

#[test]
fn unknown_words_after_an_exclamation_mark_and_paths_are_talk() {
    for text in
        ["!wow", "!discord", "!so @ann", "!loggin_bonus x", "!logs", "/r/rust", "/etc/hosts is full", "!blog in"]
    {
        assert_eq!(Input::parse(text), Ok(Input::Message(MessageKind::Say, text)), "{text}");
    }
}

#[test]
fn a_slip_in_login_shows_no_password() {
    for word in ["logn", "lgin", "ogin", "loginn", "llogin", "lobin", "lgoin", "LOIGN"] {
        let line = format!("!{word} ann secret");
        assert!(matches!(Input::parse(&line), Err(CommandError::Unknown { .. })), "{line}");
    }
    refused("/lobby ann", "no command lobby");
}

#[test]
fn both_marks_and_any_case_call_the_same_command() {
    for line in ["/ban ann", "!ban ann", "/BAN ann", "  !Ban   ann  "] {
        command(line, Command::Ban("ann".into(), Duration::Forever, reason("")));
    }
}

#[test]
fn the_last_argument_takes_the_rest_of_the_line() {
    let ten = Duration::For(Span::minutes(10));
    command("/ban ann 10m spam and more spam", Command::Ban("ann".into(), ten, reason("spam and more spam")));
    command("/ban ann being rude", Command::Ban("ann".into(), Duration::Forever, reason("being rude")));
    command("/ban ann perm", Command::Ban("ann".into(), Duration::Forever, reason("")));
    command("/timeout ann", Command::Timeout("ann".into(), TIMEOUT_DEFAULT, reason("")));
    command("/echo  a  b ", Command::Echo("a  b".into()));
    command(
        "/room name The  Lobby",
        Command::Configure(Box::new(RoomChange {
            name: Some(RoomName::parse("The  Lobby").unwrap()),
            ..RoomChange::default()
        })),
    );
}

#[test]
fn user_names_may_be_quoted_and_marked() {
    command("/ban \"Ann Lee\" 10m", Command::Ban("Ann Lee".into(), Duration::For(Span::minutes(10)), reason("")));
    command("/ban @ann", Command::Ban("ann".into(), Duration::Forever, reason("")));
    command("/mod @\"Ann Lee\"", Command::Mod("Ann Lee".into()));
    command("/mod Ann Lee", Command::Mod("Ann Lee".into()));
    command(r#"/mod "a \"b\" \\c""#, Command::Mod(r#"a "b" \c"#.into()));
    command("/purge \"Ann Lee\"", Command::Purge(Some("Ann Lee".into())));
}

#[test]
fn slow_takes_seconds_or_off() {
    command("/slow", Command::Slow(SLOW_DEFAULT));
    command("/slow 5", Command::Slow(Span::seconds(5)));
    command("/slow 2m", Command::Slow(Span::minutes(2)));
    command("/slow off", Command::Slow(Span::ZERO));
    command("/slow 0", Command::Slow(Span::ZERO));
    refused("/slow 86401", "86400");
    refused("/slow fast", "86400");
    refused("/slow perm", "86400");
}

#[test]
fn what_is_misspelt_is_told_and_never_posted() {
    refused("/bna ann", "no command bna");
    refused("/ban", "a user is missing");
    refused("/ban ann 10n", "a duration is like");
    refused("/ban \"ann", "not closed");
    refused("/delete abc", "number");
    refused("/delete", "missing");
    refused("/mods now", "too much");
    refused("/join here", "12 letters");
    refused("/room colour red", "a room has");
    refused("/me", "missing");
    refused("/echo", "missing");
    refused("/login ann", "password");
}

#[test]
fn a_socket_command_is_set_apart_and_its_password_never_printed() {
    let Ok(Input::Socket(_, command)) = Input::parse("/login ann correct horse") else { panic!() };
    assert_eq!(command, SocketCommand::Login(Some(("ann".into(), "correct horse".into()))));
    assert!(!format!("{command:?}").contains("horse"));
    for line in ["/logout", "/quit", "/leave", "/login", "/join abcDEF012345"] {
        assert!(matches!(Input::parse(line), Ok(Input::Socket(..))), "{line}");
    }
}

#[test]
fn every_command_of_the_catalogue_is_read_as_its_usage_says() {
    for entry in catalogue::CATALOGUE {
        let line = entry
            .usage
            .replace("<name|description|slow> <value>", "name x")
            .replace("[username password]", "ann password")
            .replace("[seconds|off]", "5")
            .replace("[duration]", "10m")
            .replace("<id>", "5")
            .replace("<room>", "abcDEF012345")
            .replace("[room]", "abcDEF012345")
            .replace(['<', '>', '[', ']'], "");
        assert!(Input::parse(&line).is_ok(), "{line}: {:?}", Input::parse(&line));
    }
    assert!(catalogue::CATALOGUE.is_sorted_by_key(|entry| entry.name));
}
