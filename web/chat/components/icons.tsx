/** The few signs of the window, drawn with strokes in the colour of the text. */
const paths = {
  down: "M4 6.5 8 10.5l4-4",
  reply: "M6.5 4 2.5 8l4 4M3 8h6.5a4 4 0 0 1 4 4v.5",
  dots: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  send: "M2.5 8h10M8.5 4l4 4-4 4",
  face: "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4ZM5.6 9.6c1.2 1.7 3.6 1.7 4.8 0M6 6.2h.01M10 6.2h.01",
  close: "M4 4l8 8M12 4l-8 8",
  out: "M9.5 2.5h4v4M13.5 2.5 8 8M6.5 3.5h-3v9h9v-3",
  people: "M6 7.5a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6ZM1.8 13c.3-2.3 2-3.6 4.2-3.6s3.9 1.3 4.2 3.6M10.6 3.2a2.2 2.2 0 0 1 0 4.1M12 9.7c1.3.5 2 1.7 2.2 3.3",
  pin: "M5.5 2.5h5M6.5 2.5v4L4 9.5h8l-2.5-3v-4M8 9.5v4.5",
} as const;

export function Icon({ name, size = 16 }: { name: keyof typeof paths; size?: number }) {
  return <svg class={`icon i-${name}`} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true"><path d={paths[name]} /></svg>;
}
