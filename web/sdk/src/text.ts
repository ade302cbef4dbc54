/** How many characters a reader sees, as the server counts them: grapheme clusters (UAX #29), once for every 12 code points begun. */
export const characters = (text: string): number =>
  [...new Intl.Segmenter().segment(text)].reduce((sum, { segment }) => sum + Math.ceil([...segment].length / 12), 0);
