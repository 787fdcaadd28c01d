import './page.jsx';
