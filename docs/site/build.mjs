/** Makes the documentation site: README as the front page, the guides in their groups, and a reference of the types. */
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, Comment, CommentTag, Converter, KindRouter, PageEvent, ReflectionKind } from 'typedoc';
import { extend } from './markdown.mjs';
import { groups } from './pages.mjs';

/** The group of the sidebar that also has the entries of the package. */
const REFERENCE = 'Reference';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [out] = process.argv.slice(2);
const { exports } = JSON.parse(await readFile(here('../../pkg/package.json'), 'utf8'));
/** The entries of the package, by the name that typedoc gives to the module. */
const entries = new Map(
  Object.entries(exports)
    .filter(([, { types }]) => types)
    .map(([entry, { types }]) => [
      types.replace(/^\.\/|(\/index)?\.d\.ts$/g, ''),
      { name: entry.replace('.', 'valet-key'), types },
    ]),
);
/** The guides, by the name of their file. */
const guides = new Map();
for (const { name: group, files } of groups) {
  for (const file of files) {
    const text = await readFile(here(`../${file}`), 'utf8');
    guides.set(basename(file, '.md'), { file: here(`../${file}`), group, title: /^# (.+)$/m.exec(text)[1] });
  }
}

const app = await Application.bootstrapWithPlugins({
  out,
  name: 'Valet Key',
  tsconfig: here('tsconfig.json'),
  entryPoints: [...entries.values()].map(({ types }) => here(`../../pkg/${types}`)),
  readme: here('../../README.md'),
  projectDocuments: [...guides.values()].map(({ file }) => file),
  customCss: here('site.css'),
  favicon: here('icon.svg'),
  markdownItLoader: extend,
  router: 'guides',
  groupOrder: [...groups.map(({ name }) => name), '*'],
  navigation: { includeGroups: true },
  highlightLanguages: ['js', 'jsx', 'ts', 'html', 'css', 'json', 'sh', 'rust', 'svelte', 'vue', 'text'],
  searchInDocuments: true,
  searchInComments: true,
  visibilityFilters: {},
  disableSources: true,
  excludeExternals: true,
  hideGenerator: true,
  skipErrorChecking: true,
  validation: { notExported: false },
  treatValidationWarningsAsErrors: true,
});

const fileNames = new Map();
app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, guide) => {
  const name = basename(guide.name);
  const { group, title } = guides.get(name);
  fileNames.set(guide, name);
  guide.name = title;
  guide.frontmatter.group = group;
});
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  for (const module of project.getChildrenByKind(ReflectionKind.Module)) {
    module.name = entries.get(module.name).name;
    module.comment ??= new Comment();
    module.comment.blockTags.push(new CommentTag('@group', [{ kind: 'text', text: REFERENCE }]));
  }
});

app.renderer.defineRouter(
  'guides',
  /** The addresses of guides have the names of their files, and not their titles, which change. */
  class extends KindRouter {
    getIdealBaseName(reflection) {
      const name = fileNames.get(reflection);
      return name ? `guides/${name}` : super.getIdealBaseName(reflection);
    }
  },
);
app.renderer.on(PageEvent.END, (page) => {
  const base = '../'.repeat(page.url.split('/').length - 1);
  page.contents = replaced(
    page.contents,
    /<body><script>.*?<\/script>/s,
    `<body><script src="${base}assets/start.js"></script>`,
  );
  // README has a title of its own.
  if (page.url === 'index.html') page.contents = replaced(page.contents, /<div class="tsd-page-title">.*?<\/div>/s, '');
  // So `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'` is policy enough.
  const inline = /<script>|<style|<[^>]* (style|on[a-z]+)="/.exec(page.contents);
  if (inline) throw new Error(`${page.url} has an inline script or style: ${inline[0]}`);
});

/** Replaces what must be there. @param {string} text @param {string | RegExp} what @param {string} by */
function replaced(text, what, by) {
  const changed = text.replace(what, by);
  if (changed === text) throw new Error(`typedoc's pages have changed: ${what} is gone`);
  return changed;
}

const project = await app.convert();
if (!project) process.exit(1);
app.validate(project);
await app.generateOutputs(project);
await copyFile(here('start.js'), join(out, 'assets/start.js'));
// A sheet for the filters, which this site does not have, would need `style-src 'unsafe-inline'`.
const main = join(out, 'assets/main.js');
const sheet = 'document.createElement("style")';
await writeFile(main, replaced(await readFile(main, 'utf8'), `document.head.appendChild(${sheet})`, sheet));
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1);
