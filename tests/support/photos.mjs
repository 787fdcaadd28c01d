/** A user's photos, drawn on request: a few hills, a sun, and colours derived from the user's name. */

const TITLES = ['Morning', 'Noon', 'Evening'];

/** @returns {{ title: string, svg: string }[]} */
export function photos(user) {
  const hue = [...user].reduce((sum, letter) => sum + letter.charCodeAt(0) * 7, 0) % 360;
  return TITLES.map((title, index) => ({
    title: `${title}, by ${user}`,
    svg: landscape((hue + index * 48) % 360, index),
  }));
}

function landscape(hue, index) {
  const sun = 46 + index * 64;
  const height = 38 - index * 6;
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 160">' +
    `<rect width="240" height="160" fill="hsl(${hue} 62% ${86 - index * 14}%)"/>` +
    `<circle cx="${sun}" cy="${height + 22}" r="20" fill="hsl(${(hue + 30) % 360} 90% 72%)"/>` +
    `<path d="M0 112 Q60 ${60 + index * 8} 122 106 T240 92 V160 H0Z" fill="hsl(${(hue + 90) % 360} 32% ${58 - index * 8}%)"/>` +
    `<path d="M0 136 Q76 ${96 + index * 6} 150 132 T240 126 V160 H0Z" fill="hsl(${(hue + 110) % 360} 36% ${40 - index * 6}%)"/>` +
    '</svg>'
  );
}
