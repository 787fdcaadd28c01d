import './compiled/page.js';
