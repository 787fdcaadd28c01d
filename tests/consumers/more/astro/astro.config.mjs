/** A static site of Astro, whose page has one script. */
export default { outDir: 'site' };
