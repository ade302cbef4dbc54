//! The tables, in column types that both databases have.

diesel::table! {
    settings (key) {
        key -> Text,
        value -> Text,
    }
}

diesel::table! {
    users (id) {
        id -> BigInt,
        uid -> Text,
        username -> Nullable<Text>,
        username_key -> Nullable<Text>,
        display_name -> Text,
        name_key -> Text,
        password -> Nullable<Text>,
        guest_key -> Nullable<Text>,
        picture -> Nullable<Text>,
        country -> Nullable<Text>,
        rank -> Text,
        network -> Nullable<Text>,
        created_at -> BigInt,
        deleted -> Bool,
        site -> Nullable<Text>,
        site_rank -> Nullable<Text>,
    }
}

diesel::table! {
    names (look) {
        look -> Text,
        user_id -> BigInt,
        reserved_until -> Nullable<BigInt>,
    }
}

diesel::table! {
    sessions (id) {
        id -> BigInt,
        user_id -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    tickets (fingerprint) {
        fingerprint -> Text,
        session_id -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    rooms (id) {
        id -> BigInt,
        uid -> Text,
        name -> Text,
        description -> Text,
        owner -> BigInt,
        slow_mode -> BigInt,
        max_length -> Integer,
        links -> Bool,
        created_at -> BigInt,
        closed_at -> Nullable<BigInt>,
        pinned -> Nullable<BigInt>,
        sites -> Text,
        max_lines -> Integer,
        readers -> Text,
        site -> Nullable<Text>,
    }
}

diesel::table! {
    room_heads (room) {
        room -> BigInt,
        epoch -> BigInt,
        last_seq -> BigInt,
    }
}

diesel::table! {
    messages (id) {
        id -> BigInt,
        room -> BigInt,
        seq -> BigInt,
        change_seq -> BigInt,
        author -> BigInt,
        text -> Text,
        kind -> Text,
        reply_to -> Nullable<BigInt>,
        nonce_key -> Nullable<Text>,
        created_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    room_events (room, seq) {
        room -> BigInt,
        seq -> BigInt,
        kind -> Text,
        actor -> BigInt,
        subject -> Nullable<BigInt>,
        payload -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    moderators (room, user_id) {
        room -> BigInt,
        user_id -> BigInt,
        rank -> Text,
    }
}

diesel::table! {
    sanctions (id) {
        id -> BigInt,
        room -> Nullable<BigInt>,
        user_id -> BigInt,
        network -> Nullable<Text>,
        kind -> Text,
        reason -> Text,
        given_by -> BigInt,
        giver_rank -> Text,
        starts_at -> BigInt,
        ends_at -> Nullable<BigInt>,
        lifted_at -> Nullable<BigInt>,
        replaced -> Bool,
    }
}

diesel::table! {
    sites (id) {
        id -> BigInt,
        uid -> Text,
        name -> Text,
        origins -> Text,
        owner -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    site_keys (id) {
        id -> BigInt,
        kid -> Text,
        site -> BigInt,
        algorithm -> Text,
        material -> Text,
        name -> Text,
        created_at -> BigInt,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    site_users (site, subject) {
        site -> BigInt,
        subject -> Text,
        user_id -> Nullable<BigInt>,
        issued_at -> BigInt,
        issued_from -> BigInt,
    }
}

diesel::table! {
    quota_buckets (key) {
        key -> Text,
        arrives_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    users,
    names,
    sessions,
    tickets,
    rooms,
    room_heads,
    messages,
    room_events,
    moderators,
    sanctions,
    sites,
    site_keys,
    site_users,
);
