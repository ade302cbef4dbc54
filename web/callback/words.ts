/** The words of the chat for this window, in the language that the address asks for, or the reader's. */
import "../chat/lang/more";
import { speak, t } from "../chat/i18n";

export async function inLanguage(asked: string | null): Promise<typeof t> {
  await speak(asked, navigator.languages);
  return t;
}
