/** Adds the English texts that the first view does without; every part that comes later imports this module. */
import { addMessages } from "./i18n";
import { enDeferred } from "./lang/en-deferred";

addMessages(enDeferred);
