/** The steps of the playground, one form each, in the order in which a newcomer would take them. */
import { Field } from "../shared/ui";
import { sessions, storeToken, tell } from "./chats";
import { PartTitle } from "./embed";
import { Code, StepCard } from "./parts";
import { attempt, client, keep, saved } from "./state";

export function Steps() {
  return (
    <section class="part" aria-labelledby="steps-title" id="api">
      <PartTitle number={3} id="steps-title" title="Use the API">
        The most important calls, each with its exact request and response. All others are in
        the <a href="docs/">reference</a>.
      </PartTitle>
      <div class="steps">
        <div class="column">
          <Register />
          <LogIn />
          <UseToken />
        </div>
        <div class="column">
          <CreateRoom />
          <OpenRoom />
          <Post />
          <Delete />
        </div>
      </div>
    </section>
  );
}

/** A form whose submit is one piece of work. */
const submit = (work: () => Promise<void>) => (event: Event) => {
  event.preventDefault();
  void attempt(work);
};

function NameAndPassword() {
  const { username, password } = saved.value;
  return (
    <div class="pair">
      <Field label="Name" value={username} onInput={(value) => keep({ username: value })} autocomplete="off" required />
      <Field label="Password" value={password} onInput={(value) => keep({ password: value })} autocomplete="off" required />
    </div>
  );
}

function Register() {
  const register = async () => {
    const { username, password } = saved.value;
    const { user, token } = await client("register").register({ username, password });
    keep({ user, token });
  };
  const suggest = async () => {
    const { name, password } = await client(null).random();
    keep({ username: name, password });
  };
  return (
    <StepCard number={1} title="Register a user" exchange={saved.value.exchanges.register}>
      <form onSubmit={submit(register)}>
        <NameAndPassword />
        <div class="row">
          <button class="button primary">Register</button>
          <button class="button" type="button" onClick={() => void attempt(suggest)}>Suggest a free name</button>
        </div>
      </form>
    </StepCard>
  );
}

function LogIn() {
  const logIn = async () => {
    const { username, password } = saved.value;
    const { user, token } = await client("login").login({ username, password });
    keep({ user, token });
  };
  const guest = async () => {
    const { user, token } = await client("login").loginAsGuest();
    keep({ user, token });
  };
  return (
    <StepCard number={2} title="Or log in" exchange={saved.value.exchanges.login}>
      <form onSubmit={submit(logIn)}>
        <NameAndPassword />
        <div class="row">
          <button class="button primary">Log in</button>
          <button class="button" type="button" onClick={() => void attempt(guest)}>Log in as guest</button>
        </div>
        <p class="quiet hint">A server tells guests apart by browser or by network address. By address, all guests from your network are the same user.</p>
      </form>
    </StepCard>
  );
}

function UseToken() {
  const { token, user } = saved.value;
  return (
    <StepCard number={3} title="Use the token">
      {token ? (
        <>
          <p>You are <strong>{user?.displayName ?? "logged in"}</strong>; calls on this page use this token. Pass it to a chat to log in there too.</p>
          {sessions.map((session, index) => (
            <div key={index} class="row" role="group" aria-label={`Chat ${index + 1}`}>
              <span class="give">Chat {index + 1}</span>
              <button class="button small" onClick={() => storeToken(session, token)}>By storage</button>
              <button class="button small" onClick={() => tell(session, { login: token })}>By postMessage</button>
              <button class="button small bare" onClick={() => { storeToken(session, null); tell(session, { logout: true }); }}>Log out</button>
            </div>
          ))}
          <Code title="By storage, on the same origin" text={`localStorage.setItem("chat_token", ${JSON.stringify(token)});`} />
          <Code
            title="By postMessage, from any site"
            text={`frame.contentWindow.postMessage(\n  { login: ${JSON.stringify(token)} },\n  ${JSON.stringify(location.origin)},\n);`}
          />
        </>
      ) : <p class="quiet">No token yet: register or log in first.</p>}
    </StepCard>
  );
}

function CreateRoom() {
  const create = async () => {
    const { room } = await client("room").createRoom({ name: saved.value.roomName });
    keep({ room: room.uid });
  };
  return (
    <StepCard number={4} title="Create a room" exchange={saved.value.exchanges.room}>
      <form onSubmit={submit(create)}>
        <Field label="Name of the room" value={saved.value.roomName} onInput={(value) => keep({ roomName: value })} required />
        <div class="row"><button class="button primary">Create room</button></div>
      </form>
    </StepCard>
  );
}

function OpenRoom() {
  const { room, shown } = saved.value;
  return (
    <StepCard number={5} title="Open it in both chats">
      <form onSubmit={submit(async () => keep({ shown: saved.value.room }))}>
        <RoomField />
        <div class="row">
          <button class="button primary" disabled={!room}>Open in both chats</button>
          {shown && <a href={`lofi.html?room=${encodeURIComponent(shown)}`}>Or see it next to a stream</a>}
        </div>
      </form>
    </StepCard>
  );
}

function RoomField() {
  return <Field label="Room ID" value={saved.value.room} onInput={(value) => keep({ room: value.trim() })} required placeholder="12 letters and digits" />;
}

function Post() {
  const post = async () => {
    const { room, text } = saved.value;
    const answer = await client("post").postMessage({ room, message: text });
    if ("message" in answer) keep({ messageId: String(answer.message.id) });
  };
  return (
    <StepCard number={6} title="Post a message by HTTP" exchange={saved.value.exchanges.post}>
      <form onSubmit={submit(post)}>
        <div class="pair">
          <RoomField />
          <Field label="Message" value={saved.value.text} onInput={(value) => keep({ text: value })} required />
        </div>
        <div class="row"><button class="button primary">Post</button></div>
      </form>
    </StepCard>
  );
}

function Delete() {
  const remove = async () => {
    await client("delete").deleteMessage(Number(saved.value.messageId));
  };
  return (
    <StepCard number={7} title="Delete a message" exchange={saved.value.exchanges.delete}>
      <form onSubmit={submit(remove)}>
        <Field label="Message ID" type="number" value={saved.value.messageId} onInput={(value) => keep({ messageId: value })} required />
        <div class="row"><button class="button primary">Delete message</button></div>
      </form>
    </StepCard>
  );
}
