/**
 * What comes right after the first view: the foot of the window – the box to write in for who is signed in, else the
 * ways to be – and what else is not needed to read the first line.
 */
import "../deferred-messages";
import type { ChatOptions } from "../options";
import type { ChatStore } from "../store";
import { Composer } from "./composer";
import { Account } from "./account";
import { SignIn } from "./sign-in";

export { Account, PopOut } from "./account";
export { Banned } from "./banned";
export { Beginning, MessageActions, loadMore, Tools } from "./message-actions";
export { PendingLines } from "./pending";
export { PinnedBanner } from "./pinned";
export { ConnectionBanner, ProblemBanner } from "./banners";

interface Props {
  store: ChatStore;
  options: ChatOptions;
  stopped: boolean;
  asking: boolean;
  onAsk: () => void;
  onClose: (() => void) | null;
}

export function Footer({ store, options, stopped, asking, onAsk, onClose }: Props) {
  if (asking) return <SignIn store={store} options={options} onClose={onClose} />;
  if (stopped) return null;
  return (
    <Composer store={store} options={options}>
      {options.noheader && <Account store={store} onSignIn={onAsk} upward />}
    </Composer>
  );
}
