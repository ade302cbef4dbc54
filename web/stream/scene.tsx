/** The night scene: a window, a moon, rain, a lamp and a record that turns. Still for those who prefer less motion. */

/** The same rain every time: places and lengths from a small fixed sequence. */
const drops = Array.from({ length: 34 }, (_, i) => ({
  x: 232 + ((i * 137) % 496), y: 70 + ((i * 89) % 250), delay: -((i * 53) % 100) / 60, length: 9 + ((i * 29) % 9),
}));

export function Scene() {
  return (
    <svg class="scene" viewBox="0 0 960 540" role="img" aria-label="A desk by a window on a rainy night" preserveAspectRatio="xMidYMid slice">
      <defs>
        <linearGradient id="sky" x2="0" y2="1"><stop offset="0" stop-color="#1b2340" /><stop offset="1" stop-color="#4a3f6b" /></linearGradient>
        <radialGradient id="glow"><stop offset="0" stop-color="#ffcf8a" stop-opacity=".55" /><stop offset="1" stop-color="#ffcf8a" stop-opacity="0" /></radialGradient>
        <clipPath id="pane"><rect x="220" y="60" width="520" height="300" rx="8" /></clipPath>
      </defs>
      <rect width="960" height="540" fill="#221d2b" />
      <g clip-path="url(#pane)">
        <rect x="220" y="60" width="520" height="300" fill="url(#sky)" />
        <circle cx="622" cy="138" r="64" fill="#f4ead2" opacity=".08" />
        <path d="M640 104a38 38 0 1 0 0 66a31 31 0 0 1 0-66z" fill="#f4ead2" />
        <path d="M220 360V262h58v-34h46v52h40v-74h60v58h44v-30h64v62h52v-84h56v58h48v-30h52v120z" fill="#171b30" />
        <g fill="#f7c66b" opacity=".8">
          {[[292, 246], [380, 224], [398, 244], [528, 252], [612, 226], [630, 262], [700, 250]].map(([x, y]) => <rect key={x} x={x} y={y} width="7" height="9" />)}
        </g>
        <g class="rain" stroke="#aebbe0" stroke-opacity=".45" stroke-width="1.4">
          {drops.map(({ x, y, delay, length }) => <line key={`${x}-${y}`} x1={x} y1={y} x2={x - 2} y2={y + length} style={{ animationDelay: `${delay}s` }} />)}
        </g>
      </g>
      <g fill="none" stroke="#3d3347" stroke-width="12"><rect x="220" y="60" width="520" height="300" rx="8" /><path d="M480 60v300" /></g>
      <rect y="420" width="960" height="120" fill="#33283a" />
      <rect y="416" width="960" height="8" fill="#463750" />
      <circle cx="166" cy="330" r="190" fill="url(#glow)" />
      <g><path d="M166 420V290" stroke="#5b4a63" stroke-width="8" /><path d="M120 300l18-62h56l18 62z" fill="#f0b56a" /><rect x="134" y="412" width="64" height="10" rx="5" fill="#5b4a63" /></g>
      <g><rect x="640" y="392" width="190" height="34" rx="8" fill="#54435c" /><ellipse cx="716" cy="392" rx="62" ry="13" fill="#15121b" /><ellipse class="record" cx="716" cy="392" rx="20" ry="4.5" fill="#e0705f" /><path d="M806 372v18l-36 6" fill="none" stroke="#b9a7bd" stroke-width="4" stroke-linecap="round" /></g>
      <g fill="#7c6a8a"><rect x="330" y="402" width="150" height="16" rx="3" /><rect x="342" y="386" width="128" height="16" rx="3" fill="#8d5f6e" /></g>
      <g><path d="M524 390h44v26a8 8 0 0 1-8 8h-28a8 8 0 0 1-8-8z" fill="#cfd6e6" /><path d="M568 397h8a7 7 0 0 1 0 14h-8" fill="none" stroke="#cfd6e6" stroke-width="4" /><path class="steam" d="M538 380q-6-10 0-18t0-18M554 380q-6-10 0-18t0-18" fill="none" stroke="#fff" stroke-opacity=".35" stroke-width="3" stroke-linecap="round" /></g>
    </svg>
  );
}
