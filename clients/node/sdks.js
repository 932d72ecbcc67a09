// OpenAI's SDK for Node: the newest, and the one before it, which Node 18 and 20 still run.

import * as newest from "openai";
import * as six from "openai-6";
import * as newestZod from "openai/helpers/zod";
import * as sixZod from "openai-6/helpers/zod";

export const SDKS = [
  { name: "OpenAI for Node", openai: newest, helpers: newestZod },
  { name: "OpenAI for Node, 6", openai: six, helpers: sixZod },
];
