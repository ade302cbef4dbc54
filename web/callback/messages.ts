/** The texts of the chat for this window, in the language that the address asks for, or the reader's. */
import "../chat/deferred-messages";
import { setLanguage, t } from "../chat/i18n";

export async function loadMessages(asked: string | null): Promise<typeof t> {
  await setLanguage(asked, navigator.languages);
  return t;
}
