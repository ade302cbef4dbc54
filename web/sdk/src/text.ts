/** How many characters a reader sees, as the server counts a message's length: grapheme clusters (UAX #29). */
export const characters = (text: string): number => [...new Intl.Segmenter().segment(text)].length;
